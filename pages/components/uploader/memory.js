// What this browser remembers of uploads that have not ended, so that a file goes on where it stopped when it is
// chosen again after a reload. Storage itself is not asked: a signature that may read its lists of blocks may read
// everybody's videos too. A page that is no secure context (http from another computer) remembers nothing.

const DATABASE = "batch-video-uploads";
const STORE = "uploads";
const KEPT = 6 * 24 * 3600 * 1000; // ms; storage drops blocks that wait longer than a week (Put Block's reference)
const SAMPLE = 256 * 1024; // bytes at the start, in the middle and at the end that tell two files apart

class Memory {
  constructor() {
    this.tab = randomHex(8);
    this.database = openDatabase();
    this.changes = new Map(); // key -> record, or null to forget it
    this.writing = false;
    // Held as long as this tab lives: others see by it whose uploads still run.
    navigator.locks?.request(this.lock(this.tab), () => new Promise(() => {}));
  }

  lock(tab) {
    return `batch-video-uploads-${tab}`;
  }

  // Records of the account, by key, that no living tab works on.
  async recall(account) {
    const database = await this.database;
    if (!database) return new Map();
    const records = await asked(database.transaction(STORE).objectStore(STORE).getAll());
    const { held } = await navigator.locks.query();
    const alive = new Set(held.map((lock) => lock.name));
    const usable = records.filter((record) => record.account === account && !alive.has(this.lock(record.tab)));
    for (const record of usable) if (Date.now() - record.at > KEPT) this.forget(record.key);
    return new Map(usable.filter((record) => Date.now() - record.at <= KEPT).map((record) => [record.key, record]));
  }

  keep(record) {
    this.change(record.key, { ...record, tab: this.tab, at: Date.now() });
  }

  forget(key) {
    this.change(key, null);
  }

  // What changes while a transaction is written goes into the next one.
  async change(key, record) {
    this.changes.set(key, record);
    if (this.writing) return;
    this.writing = true;
    const database = await this.database;
    while (database && this.changes.size) {
      const transaction = database.transaction(STORE, "readwrite");
      const store = transaction.objectStore(STORE);
      for (const [changed, value] of this.changes) value ? store.put(value) : store.delete(changed);
      this.changes.clear();
      await new Promise((resolve) => {
        transaction.oncomplete = transaction.onabort = resolve; // a full disk costs the memory, not the upload
      });
    }
    this.changes.clear();
    this.writing = false;
  }
}

// Null where the browser keeps nothing (private windows, some settings) or cannot tell files apart.
async function openDatabase() {
  if (!globalThis.isSecureContext || !navigator.locks) return null;
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "key" });
  return asked(request).catch(() => null);
}

function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function memoryKey(account, { file, folder }) {
  return [account, file.name, file.size, file.lastModified, ...(folder ? [folder] : [])].join("\n");
}

// Tells by a file's bytes that it is the one remembered; empty where the browser cannot compute it.
async function fingerprint(file) {
  const starts = new Set([0, Math.max(0, Math.floor((file.size - SAMPLE) / 2)), Math.max(0, file.size - SAMPLE)]);
  const samples = [...starts].map((start) => file.slice(start, start + SAMPLE));
  const bytes = await new Blob(samples).arrayBuffer(); // also finds out that the file can be read
  if (!globalThis.crypto.subtle) return "";
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
