// Uploads of this browser tab: straight to blob storage in blocks, several at a time, independent of any page.
// Everything lives in one object on globalThis, so it goes on while pages are switched; views only look at it.

const BLOCK = 8 * 1024 * 1024; // bytes; larger only where 50,000 blocks would not make the file
const MOST_BLOCKS = 50_000;
const AT_ONCE = 4;
const TRIES = 10; // with the back-off below about two and a half minutes without an answer
const STALLED = 60_000; // ms without a byte moving
const RENEWAL = 30_000; // ms that Python has to send a new signature
const TICK = 250; // ms between two looks at the speed
const SPELL = 5_000; // ms that a speed is measured over
const GATHER = 500; // ms in which files that end together become one message to Python
const LINGER = 4_000; // ms that a finished file's bar stays
const REMEMBERED = 15_000; // ms that the total tells of the end

const AGAIN = new Set([0, 408, 429, 499, 500, 502, 503, 504]);

class Upload {
  constructor(file, account) {
    this.file = file;
    this.name = file.name;
    this.size = file.size;
    this.account = account;
    this.id = randomHex(16);
    this.blob = `${this.id}/${safeName(file.name)}`;
    this.block = Math.max(BLOCK, Math.ceil(file.size / MOST_BLOCKS));
    this.state = "waiting"; // sending, done, failed, cancelled
    this.reason = "";
    this.stored = 0; // bytes that storage has acknowledged
    this.moving = new Map(); // part -> bytes of it that are on their way
    this.requests = new Set();
    this.speed = new Speed();
    const count = Math.ceil(this.size / this.block);
    this.todo = count > 1 ? Array.from({ length: count }, (_, index) => index) : ["whole"];
    this.blocks = count > 1 ? count : 0;
    this.left = this.blocks; // blocks without an acknowledgement
  }

  get open() {
    return this.state === "waiting" || this.state === "sending";
  }

  get sent() {
    let bytes = this.stored;
    for (const moving of this.moving.values()) bytes += moving;
    return Math.min(bytes, this.size);
  }

  body(part) {
    if (part === "whole") return this.file;
    if (part === "list") return blockList(this.blocks);
    return this.file.slice(part * this.block, (part + 1) * this.block);
  }

  query(part) {
    if (part === "whole") return "";
    if (part === "list") return "&comp=blocklist";
    return `&comp=block&blockid=${encodeURIComponent(blockId(part))}`;
  }

  headers(part) {
    if (typeof part === "number") return {};
    const headers = {
      "If-None-Match": "*", // what is there already is never written over
      "x-ms-meta-name": base64url(this.name),
      "x-ms-blob-content-type": mediaType(this.file.type),
    };
    if (part === "whole") headers["x-ms-blob-type"] = "BlockBlob";
    return headers;
  }

  acknowledge(part) {
    this.moving.delete(part);
    if (part === "whole") this.stored = this.size;
    if (typeof part !== "number") return true;
    this.stored += this.body(part).size;
    this.left -= 1;
    if (this.left === 0) this.todo.push("list");
    return false;
  }

  giveBack(part) {
    this.moving.delete(part);
    if (!this.todo.includes(part)) this.todo.unshift(part);
  }
}

class Speed {
  constructor() {
    this.samples = [];
  }

  look(bytes, now) {
    this.samples.push([now, bytes]);
    while (now - this.samples[0][0] > SPELL) this.samples.shift();
  }

  get bytesPerSecond() {
    if (this.samples.length < 4) return 0;
    const [from, to] = [this.samples[0], this.samples.at(-1)];
    return Math.max(0, ((to[1] - from[1]) * 1000) / (to[0] - from[0]));
  }
}

class Uploads {
  constructor() {
    this.list = [];
    this.targets = new Map(); // account -> { url, query, lifetime, made, seen }
    this.views = new Set();
    this.busy = 0; // requests on their way or waiting to be tried again
    this.unreported = [];
    this.reported = 0;
    this.total = new Speed();
    this.news = ""; // the last thing that happened, for people who listen
    addEventListener("beforeunload", (event) => {
      if (this.active) event.preventDefault();
    });
    addEventListener("online", () => this.wake());
    this.waiters = new Set();
  }

  get active() {
    return this.list.some((upload) => upload.open);
  }

  attach(view) {
    this.views.add(view);
    this.report();
    view.render();
  }

  detach(view) {
    this.views.delete(view);
  }

  setTarget(target) {
    if (this.targets.get(target.account)?.made === target.made) return;
    this.targets.set(target.account, { ...target, seen: Date.now() });
    this.wake();
  }

  add(files, account) {
    if (!this.active) this.list = this.list.filter((upload) => upload.state === "failed");
    let added = 0;
    for (const file of files) {
      if (this.list.some((upload) => upload.open && same(upload.file, file))) continue;
      this.list.push(new Upload(file, account));
      added += 1;
    }
    if (added) this.say(`${counted(added)} added`);
    this.start();
  }

  start() {
    this.ticking ??= setInterval(() => this.tick(), TICK);
    this.pump();
    this.render();
  }

  cancel(upload) {
    upload.state = "cancelled";
    for (const request of upload.requests) request.abort();
    this.list = this.list.filter((other) => other !== upload);
    this.say(`${upload.name}: cancelled`);
    this.wake();
  }

  again(upload) {
    upload.state = "waiting";
    upload.reason = "";
    this.start();
  }

  pump() {
    while (this.busy < AT_ONCE) {
      const upload = this.list.find((candidate) => candidate.open && candidate.todo.length);
      if (!upload) return;
      upload.state = "sending";
      this.busy += 1;
      this.send(upload, upload.todo.shift()).finally(() => {
        this.busy -= 1;
        this.pump();
      });
    }
  }

  async send(upload, part) {
    let renewals = 0;
    for (let attempt = 1; ; attempt += 1) {
      const target = await this.target(upload.account);
      if (!upload.open) return upload.giveBack(part);
      const answer = await put(upload, part, target);
      if (!upload.open) return upload.giveBack(part);
      if (answer.status === 201 || (attempt > 1 && isOurs(answer))) return this.stored(upload, part);
      upload.moving.delete(part);
      if (answer.status === 403 && renewals < 2) {
        renewals += 1;
        await this.renewed(upload.account, target?.made);
      } else if (!AGAIN.has(answer.status) || attempt >= TRIES || !(await readable(upload.file))) {
        upload.giveBack(part);
        return this.fail(upload, await why(answer, upload.file));
      } else {
        await this.pause(answer.retryAfter || backOff(attempt));
      }
    }
  }

  stored(upload, part) {
    if (!upload.acknowledge(part)) return;
    upload.state = "done";
    upload.ended = Date.now();
    this.unreported.push({ blob: upload.blob, account: upload.account });
    const open = this.list.filter((other) => other.open).length;
    this.say(open ? `${upload.name} is uploaded` : "Everything is uploaded");
    this.reporting ??= setTimeout(() => this.report(), GATHER);
  }

  fail(upload, reason) {
    upload.state = "failed";
    upload.reason = reason;
    for (const request of upload.requests) request.abort();
    this.say(`${upload.name}: ${reason}`);
    this.wake();
  }

  // Python hears of finished files only: one message a file or fewer, because each one runs the page again.
  report() {
    clearTimeout(this.reporting);
    this.reporting = null;
    const reporter = [...this.views].sort((a, b) => b.rank - a.rank)[0];
    if (!reporter || !this.unreported.length) return;
    this.reported += this.unreported.length;
    const files = this.unreported.splice(0).slice(-500);
    reporter.component.setStateValue("done", { count: this.reported, files });
  }

  async target(account) {
    const target = this.targets.get(account);
    if (target && Date.now() - target.seen < target.lifetime) return target;
    await this.renewed(account, target?.made);
    return this.targets.get(account);
  }

  // Waits until Python has sent another target than the one that it made at `made`, or for RENEWAL ms.
  async renewed(account, made) {
    const deadline = Date.now() + RENEWAL;
    while (this.targets.get(account)?.made === made && Date.now() < deadline) {
      if (!this.asking) {
        this.asking = true;
        for (const view of this.views) view.component.setTriggerValue("renew", Date.now());
        setTimeout(() => (this.asking = false), 5_000);
      }
      await this.pause(1_000);
    }
    this.asking = false;
  }

  // Waits; the end of it comes earlier when something has changed (a new signature, the network, a cancel).
  pause(milliseconds) {
    return new Promise((resolve) => {
      const waiter = () => {
        clearTimeout(timer);
        this.waiters.delete(waiter);
        resolve();
      };
      const timer = setTimeout(waiter, milliseconds);
      this.waiters.add(waiter);
    });
  }

  wake() {
    for (const waiter of [...this.waiters]) waiter();
    this.pump();
    this.render();
  }

  say(news) {
    this.news = news;
    this.render();
  }

  tick() {
    const now = Date.now();
    for (const upload of this.list) if (upload.open) upload.speed.look(upload.sent, now);
    this.total.look(this.sent, now);
    this.list = this.list.filter((upload) => upload.state !== "done" || this.active || now - upload.ended < REMEMBERED);
    this.render();
    if (this.active || this.list.some((upload) => upload.state === "done")) return;
    clearInterval(this.ticking);
    this.ticking = null;
    this.total = new Speed();
  }

  get sent() {
    return this.list.reduce((bytes, upload) => bytes + (upload.state === "failed" ? 0 : upload.sent), 0);
  }

  get size() {
    return this.list.reduce((bytes, upload) => bytes + (upload.state === "failed" ? 0 : upload.size), 0);
  }

  render() {
    for (const view of this.views) view.render();
  }
}

// One request. XMLHttpRequest, because fetch does not tell how much of a body has gone out.
function put(upload, part, target) {
  return new Promise((resolve) => {
    if (!target) return resolve({ status: 403 });
    const request = new XMLHttpRequest();
    let idle = 0;
    const moved = () => {
      clearTimeout(idle);
      idle = setTimeout(() => request.abort(), STALLED);
    };
    request.upload.onprogress = (event) => {
      if (part !== "list" && upload.open) upload.moving.set(part, event.loaded);
      moved();
    };
    request.onloadend = () => {
      clearTimeout(idle);
      upload.requests.delete(request);
      const header = (name) => request.getAllResponseHeaders().match(new RegExp(`^${name}: *(.*)$`, "im"))?.[1] ?? "";
      const retryAfter = Math.min(120, Number(header("retry-after")) || 0) * 1000;
      resolve({ status: request.status, code: header("x-ms-error-code"), retryAfter });
    };
    request.open("PUT", `${target.url}/${upload.blob}?${target.query}${upload.query(part)}`);
    const headers = upload.headers(part);
    for (const name of Object.keys(headers)) request.setRequestHeader(name, headers[name]);
    upload.requests.add(request);
    moved();
    request.send(upload.body(part));
  });
}

// A second try finds what the first one has stored when only its answer was lost; the name is random, so it is ours.
function isOurs(answer) {
  return answer.status === 409 || answer.status === 412;
}

async function readable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

async function why(answer, file) {
  if (answer.status === 0 && !(await readable(file))) {
    return "the file was changed or moved while it was uploading. Choose it again.";
  }
  if (answer.status === 403) return "storage no longer accepts uploads from this page. Reload it, then choose the file again.";
  if (answer.status === 404) return "the place for videos is gone from storage. Reload the page, then try again.";
  if (answer.status === 0) return "storage cannot be reached. Check the connection, then try again.";
  if (AGAIN.has(answer.status)) return "storage is too busy. Try again in a minute.";
  return `storage did not accept the file (${answer.code || `answer ${answer.status}`}).`;
}

function backOff(attempt) {
  return Math.min(30_000, 500 * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2);
}

const uploads = (globalThis[Symbol.for("batch-video-dashboard.uploads")] ??= new Uploads());
