// Makes an acknowledged write outlive a kill. Azurite keeps its index in memory (LokiJS) and saves the whole of
// it every 5 seconds; here every change is appended to a journal beside the index before its request is answered,
// and read back at the next start. A journal goes when a whole index saved after it is on disk.
//
// A line is a batch of changes, [[collection, id, document or null], ...]: changes that belong together are on
// one line, so that a torn line loses only what was never acknowledged. Reading a line twice does no harm.
import { closeSync, fstatSync, ftruncateSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";

export class Journal {
  /** The journal of one of Azurite's two metadata stores. Make it before the store is started. */
  constructor(store) {
    this.db = store.db;
    this.folder = dirname(this.db.filename);
    this.prefix = `${basename(this.db.filename)}.journal-`;
    this.changes = new Map();
    this.file = null;
    const init = store.init.bind(store);
    store.init = async () => {
      await init();
      await this.begin();
    };
  }

  /** Append what has changed since the last call. Throws when that fails, and keeps the changes for the next call. */
  flush() {
    if (this.changes.size === 0) return;
    const line = Buffer.from(`${JSON.stringify([...this.changes.values()])}\n`);
    this.file ??= this.open();
    const { size } = fstatSync(this.file);
    try {
      for (let written = 0; written < line.length; ) written += writeSync(this.file, line, written);
    } catch (error) {
      ftruncateSync(this.file, size);
      throw error;
    }
    this.changes.clear();
  }

  async begin() {
    const found = this.files();
    this.number = found.length > 0 ? this.numberOf(found.at(-1)) : 0;
    if (found.length > 0) this.replay(found);
    for (const collection of this.db.collections) this.listen(collection);
    const save = this.db.saveDatabaseInternal.bind(this.db);
    this.db.saveDatabaseInternal = (done) => this.save(save, done);
    if (found.length === 0) return;
    await new Promise((resolve, reject) => {
      this.db.saveDatabase((error) => (error ? reject(error) : resolve()));
    });
  }

  /** Save the whole index as it is now; when that is on disk, the journals up to now have done their duty. */
  save(save, done) {
    try {
      this.flush();
    } catch (error) {
      console.error(error); // whoever waits for an answer is told by a flush of their own
    }
    const old = this.files();
    if (this.file !== null) closeSync(this.file);
    this.file = null;
    save((error) => {
      if (error) {
        console.error(error);
        for (const collection of this.db.collections) collection.dirty = true; // so that it is tried again
      } else {
        for (const path of old) rmSync(path, { force: true });
      }
      done?.(error);
    });
  }

  listen(collection) {
    const { name } = collection;
    const note = (id, document) => this.changes.set(`${name} ${id}`, [name, id, document]);
    collection.on(["insert", "update"], (document) => note(document.$loki, document));
    collection.on("delete", (document) => note(document.$loki, null));
  }

  replay(paths) {
    const { collections } = this.db;
    const documents = new Map(collections.map(({ name, data }) => [name, new Map(data.map((one) => [one.$loki, one]))]));
    for (const [name, id, document] of paths.flatMap(changesIn)) {
      if (document) documents.get(name).set(id, document);
      else documents.get(name).delete(id);
    }
    for (const collection of collections) refill(collection, [...documents.get(collection.name).values()]);
  }

  open() {
    this.number += 1;
    return openSync(join(this.folder, `${this.prefix}${this.number}`), "a", 0o600);
  }

  files() {
    const names = readdirSync(this.folder).filter((name) => name.startsWith(this.prefix));
    return names.sort((a, b) => this.numberOf(a) - this.numberOf(b)).map((name) => join(this.folder, name));
  }

  numberOf(path) {
    return Number(basename(path).slice(this.prefix.length));
  }
}

function changesIn(path) {
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return line ? JSON.parse(line) : [];
      } catch {
        console.error(`${path} holds a torn line of ${line.length} characters`);
        return [];
      }
    });
}

/** Put these documents in place of a collection's; LokiJS wants them in the order of their ids. */
function refill(collection, documents) {
  collection.data = documents.sort((a, b) => a.$loki - b.$loki);
  collection.maxId = Math.max(collection.maxId, documents.at(-1)?.$loki ?? 0);
  collection.idIndex = null;
  collection.ensureId();
  collection.ensureAllIndexes(true);
  for (const name of collection.uniqueNames) collection.ensureUniqueIndex(name);
  collection.dirty = true;
}
