// One file on its way: its blob, its parts, and which of them storage has acknowledged.

const BLOCK = 8 * 1024 * 1024; // bytes; larger only where 50,000 blocks would not make the file
const MOST_BLOCKS = 50_000;
const SPELL = 5_000; // ms that a speed is measured over
const LOST_TWICE = 2; // times that storage may lose acknowledged blocks before the upload is given up

class Upload {
  constructor({ file, folder }, account, key, past) {
    this.file = file;
    this.folder = folder;
    this.name = file.name;
    this.path = placed(folder, file.name); // what a person calls it
    this.size = file.size;
    this.account = account;
    this.past = past; // promise of what the browser remembers: a Map of records
    this.key = key;
    this.state = "waiting"; // sending, done, failed, cancelled
    this.reason = "";
    this.trouble = ""; // why nothing moves for now, in a sentence
    this.moving = new Map(); // part -> bytes of it that are on their way
    this.requests = new Set();
    this.speed = new Speed();
    this.losses = 0;
    this.begin();
    this.todo = ["begin"];
  }

  get open() {
    return this.state === "waiting" || this.state === "sending";
  }

  get sent() {
    let bytes = this.stored;
    for (const moving of this.moving.values()) bytes += moving;
    return Math.min(bytes, this.size);
  }

  // Everything is still to be sent, to a blob of its own.
  begin() {
    this.blob = `${randomHex(16)}/${safeName(this.name)}`;
    this.block = Math.max(BLOCK, Math.ceil(this.size / MOST_BLOCKS));
    const count = Math.ceil(this.size / this.block);
    this.blocks = new Uint8Array(count > 1 ? count : 0); // 1 where storage has acknowledged
    this.plan();
  }

  // Reads the file's fingerprint and goes on where a remembered upload of it stopped. Raises when it can't be read.
  async prepare() {
    this.print = await fingerprint(this.file);
    const record = (await this.past).get(this.key);
    if (this.print && record?.print === this.print) {
      this.blob = record.blob;
      this.block = record.block;
      this.blocks = record.blocks;
    }
    this.plan();
    if (record?.done && this.blob === record.blob) this.todo = ["look"];
  }

  // What is left to send, after what storage has acknowledged.
  plan() {
    this.todo = Array.from(this.blocks.keys()).filter((index) => !this.blocks[index]);
    this.left = this.todo.length;
    this.stored = this.size - this.todo.reduce((bytes, index) => bytes + this.body(index).size, 0);
    if (!this.blocks.length) this.stored = 0;
    this.before = this.stored; // bytes that an earlier page has sent
    if (!this.todo.length) this.todo = [this.blocks.length ? "list" : "whole"];
  }

  // What the browser remembers of it; nothing where the file can't be told from another.
  get record() {
    const { key, account, name, folder, print, blob, block, blocks } = this;
    return { key, account, name, folder, print, blob, block, blocks, size: this.size, stored: this.stored, done: this.state === "done" };
  }

  body(part) {
    if (part === "whole") return this.file;
    if (part === "list") return blockList(this.blocks.length);
    if (part === "look") return blockList(1, () => btoa("absent"));
    return this.file.slice(part * this.block, (part + 1) * this.block);
  }

  query(part) {
    if (part === "whole") return "";
    if (typeof part === "string") return "&comp=blocklist";
    return `&comp=block&blockid=${encodeURIComponent(blockId(part))}`;
  }

  headers(part) {
    if (typeof part === "number") return {};
    const headers = {
      "If-None-Match": "*", // what is there already is never written over
      "x-ms-meta-name": base64url(this.name),
      "x-ms-blob-content-type": mediaType(this.file.type),
    };
    if (this.folder) headers["x-ms-meta-folder"] = base64url(this.folder);
    if (part === "whole") headers["x-ms-blob-type"] = "BlockBlob";
    return headers;
  }

  // True when the blob is there now.
  acknowledge(part) {
    this.moving.delete(part);
    this.trouble = "";
    if (typeof part === "string") {
      this.stored = this.size;
      return true;
    }
    this.stored += this.body(part).size;
    this.blocks[part] = 1;
    this.left -= 1;
    if (this.left === 0) this.todo.push("list");
    return false;
  }

  giveBack(part) {
    this.moving.delete(part);
    if (!this.todo.includes(part)) this.todo.unshift(part);
  }

  // Storage no longer has what it acknowledged: all of it is sent again, if that has not happened too often.
  startOver() {
    this.losses += 1;
    if (this.losses > LOST_TWICE) return false;
    this.begin();
    return true;
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
