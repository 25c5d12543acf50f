// Uploads of this browser tab: to blob storage in blocks, several at a time, independent of any page.
// Everything lives in one object on globalThis, so it goes on while pages are switched; views only look at it.

const AT_ONCE = 4;
const PATIENCE = 15 * 60_000; // ms without a good answer before an upload is given up
const RENEWALS = 2; // signatures in a row that storage may refuse
const ADDED = 50; // files at a time: the browser asks the disk about each
const TICK = 250; // ms between two looks at the speed
const DRAWN = 100; // ms between two drawings at least
const REMEMBERED = 15_000; // ms that the total tells of the end

class Uploads {
  constructor() {
    this.list = [];
    this.memory = new Memory();
    this.interrupted = []; // records of uploads that a page did not end
    this.ways = new Map(); // account -> Way
    this.views = new Set();
    this.app = new App(this);
    this.busy = 0; // requests on their way or waiting to be tried again
    this.total = new Speed();
    this.news = ""; // the last thing that happened, for people who listen
    this.waiters = new Set();
    addEventListener("beforeunload", (event) => {
      if (this.active) event.preventDefault();
    });
    addEventListener("online", () => this.wake());
  }

  get active() {
    return this.list.some((upload) => upload.open);
  }

  attach(view) {
    this.views.add(view);
    this.app.report();
    this.app.tellBlocked();
    view.render();
  }

  detach(view) {
    this.views.delete(view);
  }

  setTarget(target) {
    const way = this.ways.get(target.account);
    if (way?.target.made === target.made) return;
    if (way?.target.reach === target.reach) {
      way.take(target);
    } else {
      const fresh = new Way(target);
      this.ways.set(target.account, fresh);
      fresh.look().then((blocked) => blocked && this.through());
      this.memory.recall(target.account).then((past) => this.showInterrupted([...past.values()]));
    }
    this.wake();
  }

  showInterrupted(records) {
    this.interrupted = records.filter((record) => !record.done && record.stored);
    this.render();
  }

  forgetInterrupted() {
    for (const record of this.interrupted) this.memory.forget(record.key);
    this.showInterrupted([]);
  }

  async add(found, account) {
    if (!this.active) this.list = this.list.filter((upload) => upload.state === "failed");
    const past = this.memory.recall(account);
    let added = 0;
    for (let first = 0; first < found.length; first += ADDED) {
      added += this.addSome(found.slice(first, first + ADDED), account, past);
      this.start();
      await new Promise((resolve) => setTimeout(resolve));
    }
    if (added) this.say(`${counted(added)} added`);
  }

  addSome(found, account, past) {
    const known = new Map(this.list.filter((upload) => upload.state !== "done").map((upload) => [upload.key, upload]));
    const before = this.list.length;
    for (const one of found) {
      const key = memoryKey(account, one);
      const same = known.get(key);
      if (same?.state === "failed") this.again(same, one.file);
      if (same) continue;
      known.set(key, new Upload(one, account, key, past));
      this.list.push(known.get(key));
    }
    this.interrupted = this.interrupted.filter((record) => !known.has(record.key));
    return this.list.length - before;
  }

  // Does it with every upload that is "open" or "failed".
  all(state, act) {
    for (const upload of [...this.list]) if (state === "open" ? upload.open : upload.state === state) act(upload);
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
    this.memory.forget(upload.key);
    this.say(`${upload.path}: cancelled`);
    this.wake();
  }

  again(upload, file = upload.file) {
    upload.file = file;
    upload.state = "waiting";
    upload.reason = "";
    upload.losses = 0;
    this.start();
  }

  pump() {
    while (this.busy < AT_ONCE) {
      const upload = this.list.find((candidate) => candidate.open && candidate.todo.length);
      if (!upload) return;
      upload.state = "sending";
      this.busy += 1;
      const part = upload.todo.shift();
      (part === "begin" ? this.begin(upload) : this.send(upload, part)).finally(() => {
        this.busy -= 1;
        this.pump();
      });
    }
  }

  async begin(upload) {
    try {
      await upload.prepare();
    } catch {
      upload.giveBack("begin");
      return this.fail(upload, UNREADABLE);
    }
    if (upload.before) this.say(`${upload.path} goes on where it stopped`);
    this.remember(upload);
  }

  async send(upload, part) {
    let refused = 0;
    let since = Date.now();
    for (let attempt = 1; ; attempt += 1) {
      const way = await this.way(upload);
      if (!upload.open) return upload.giveBack(part);
      const answer = way ? await put(upload, part, way) : { status: 403 };
      if (!upload.open) return upload.giveBack(part);
      way?.hear(answer);
      const meaning = meaningOf(part, answer);
      if (meaning === "stored") return this.stored(upload, part, way);
      upload.moving.delete(part);
      if (meaning === "lost" && (part === "look" || upload.startOver())) return this.sendAgain(upload, part);
      if (meaning === "renew" && refused < RENEWALS) refused += await this.app.renewed(upload, answer.made);
      else if (meaning === "again") await this.hold(upload, way, answer, attempt);
      else return this.refuse(upload, part, sentence(answer));
      if (!navigator.onLine) since = Date.now();
      if (answer.status === 0 && !(await readable(upload.file))) return this.refuse(upload, part, UNREADABLE);
      if (Date.now() - since > PATIENCE) return this.giveUp(upload, part, sentence(answer));
    }
  }

  // Waits before the next try, unless the other way is open.
  async hold(upload, way, answer, attempt) {
    if (way.suspect && (await way.compare())) return this.through();
    const wait = answer.retryAfter || backOff(attempt);
    if (answer.retryAfter) way.notBefore = Date.now() + wait;
    way.troubled = true;
    if (attempt > 1 || answer.retryAfter || !navigator.onLine) upload.trouble = troubleOf(answer, wait);
    await this.pause(wait);
  }

  // The way for a request that may go out now; undefined when Python has none to give.
  async way(upload) {
    let way = this.ways.get(upload.account);
    if (!way?.fresh) await this.app.renewed(upload, way?.target.made);
    way = this.ways.get(upload.account);
    while (way && upload.open && Date.now() < way.notBefore) await this.pause(way.notBefore - Date.now());
    return way;
  }

  // The app carries what the browser can't bring itself, both ways.
  through() {
    this.say("This browser can't reach storage itself: files pass through the app.");
    this.app.tellBlocked();
    this.wake();
  }

  stored(upload, part, way) {
    const complete = upload.acknowledge(part);
    if (way.troubled) {
      way.troubled = false;
      this.wake();
    }
    if (complete) this.done(upload, part);
    this.remember(upload);
    if (!this.list.some((other) => other.state !== "done")) for (const ended of this.list) this.memory.forget(ended.key);
  }

  done(upload, part) {
    upload.state = "done";
    upload.already = part === "look";
    upload.ended = Date.now();
    const open = this.list.filter((other) => other.open).length;
    this.say(open ? `${upload.path} is uploaded` : "Everything is uploaded");
    this.app.hear(upload, open > 0);
  }

  // A file that has ended is remembered until all have: chosen again with the rest, it is not sent twice.
  remember(upload) {
    if (upload.print && (upload.open || upload.state === "done")) this.memory.keep(upload.record);
  }

  sendAgain(upload, part) {
    if (part === "look") upload.begin();
    else this.say(`${upload.path}: storage has lost parts of it, so it is sent again`);
    this.remember(upload);
  }

  refuse(upload, part, reason) {
    upload.giveBack(part);
    this.fail(upload, reason);
  }

  // What storage did not take from one file for so long it will not take from the others.
  giveUp(upload, part, reason) {
    upload.giveBack(part);
    for (const other of this.list) if (other.open && other.account === upload.account) this.fail(other, reason);
  }

  fail(upload, reason) {
    upload.state = "failed";
    upload.reason = reason;
    upload.trouble = "";
    for (const request of upload.requests) request.abort();
    this.say(`${upload.path}: ${reason}`);
    this.wake();
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

  // Drawn soon: what happens until then is drawn together.
  render() {
    this.drawing ??= setTimeout(() => {
      this.drawing = null;
      for (const view of this.views) view.render();
    }, DRAWN);
  }
}

const uploads = (globalThis[Symbol.for("batch-video-dashboard.uploads")] ??= new Uploads());
