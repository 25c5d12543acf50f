// The two ways to storage: straight, and through the app where this browser cannot reach storage itself.

const STALLED = 60_000; // ms without a byte moving
const UNHEARD = 10_000; // ms that a question about the way may take
const REOPENED = 60_000; // ms between two looks whether a way that was cut off is open again
const LOST = 3; // requests in a row without an answer before the ways are compared
const LONGEST_PAUSE = 600_000; // ms that a Retry-After is believed

class Way {
  constructor(target) {
    this.lost = 0;
    this.worked = false; // storage has answered this browser
    this.blocked = false; // it does not, but it answers the app
    this.notBefore = 0; // when storage wants to be asked again
    this.take(target);
  }

  take(target) {
    this.target = target;
    this.seen = Date.now();
  }

  get fresh() {
    return Date.now() - this.seen < this.target.lifetime;
  }

  get relayed() {
    return this.blocked || !this.target.direct;
  }

  hear(answer) {
    if (answer.relayed) return;
    this.lost = answer.status ? 0 : this.lost + 1;
    this.worked ||= answer.status > 0;
  }

  get suspect() {
    return !this.relayed && this.lost >= LOST;
  }

  // True when the app reaches storage and this browser does not: from then on everything goes through the app.
  compare() {
    this.comparing ??= this.differ().finally(() => (this.comparing = null));
    return this.comparing;
  }

  async differ() {
    const { direct, relay } = this.target;
    if (this.relayed || !(await answers(`${relay.url}?${relay.query}`, "same-origin"))) return false;
    if ((await answers(direct.url, "no-cors")) && (this.worked || this.lost < LOST)) {
      this.worked = false; // believed once: answers that never come in spite of it mean that CORS forbids them
      this.lost = 0;
      return false;
    }
    this.blocked = true;
    return true;
  }

  // Asked once at the beginning, so that players and downloads know too.
  async look() {
    if (!this.target.direct || (await answers(this.target.direct.url, "no-cors"))) return false;
    return this.compare();
  }

  // True when storage answers this browser again, and CORS lets it hear that.
  async reopened() {
    const { direct } = this.target;
    if (!this.blocked || !direct || !(await answers(direct.url, "cors"))) return false;
    this.blocked = false;
    this.worked = false;
    this.lost = 0;
    return true;
  }
}

// Whether anything answers, which CORS must allow only in the mode "cors"; of the app's own answer whether it is good.
async function answers(url, mode) {
  try {
    const answer = await fetch(url, { mode, cache: "no-store", signal: AbortSignal.timeout(UNHEARD) });
    return mode !== "same-origin" || answer.ok;
  } catch {
    return false;
  }
}

// One request. XMLHttpRequest, because fetch does not tell how much of a body has gone out.
function put(upload, part, way) {
  return new Promise((resolve) => {
    const { relayed } = way;
    const address = relayed ? way.target.relay : way.target.direct;
    const request = new XMLHttpRequest();
    let idle = 0;
    const moved = () => {
      clearTimeout(idle);
      idle = setTimeout(() => request.abort(), STALLED);
    };
    request.upload.onprogress = (event) => {
      if (part === "whole" || typeof part === "number") upload.moving.set(part, event.loaded);
      moved();
    };
    request.onloadend = () => {
      clearTimeout(idle);
      upload.requests.delete(request);
      const header = (name) => request.getAllResponseHeaders().match(new RegExp(`^${name}: *(.*)$`, "im"))?.[1] ?? "";
      const retryAfter = milliseconds(header("retry-after"));
      resolve({ status: request.status, code: header("x-ms-error-code"), retryAfter, relayed, made: way.target.made });
    };
    request.open("PUT", `${address.url}/${upload.blob}?${address.query}${upload.query(part)}`);
    const headers = upload.headers(part);
    for (const name of Object.keys(headers)) request.setRequestHeader(name, headers[name]);
    upload.requests.add(request);
    moved();
    request.send(upload.body(part));
  });
}

// Retry-After is a number of seconds or a date.
function milliseconds(retryAfter) {
  const wanted = Number.isFinite(Number(retryAfter)) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return Math.min(LONGEST_PAUSE, Math.max(0, wanted || 0));
}

function backOff(attempt) {
  return Math.min(15_000, 500 * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2);
}
