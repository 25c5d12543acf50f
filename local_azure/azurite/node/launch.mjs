// Runs Azurite's blob service:  node launch.mjs INSTALLATION LOCATION PORT RESERVE  with AZURITE_ACCOUNTS set.
// RESERVE is how many bytes of the disk uploads leave free.
// Prints one line {"port": N} once it listens, and ends cleanly (index saved) when stdin ends or on a signal.
import fs from "node:fs";
import { createRequire, enableCompileCache, flushCompileCache } from "node:module";
import { join } from "node:path";
import { Journal } from "./journal.mjs";
import { ignoreBrokenOutput, whenParentEnds } from "./parent.mjs";
import { Requests } from "./requests.mjs";

// Exit codes that ../process.py reads.
const BROKEN_INSTALLATION = 70;
const PORT_TAKEN = 71;
const FAILED = 72;

const HOST = "127.0.0.1";
const KEEP_ALIVE_SECONDS = 75; // longer than clients keep idle connections, so that none is closed under a request
const REQUESTS_END_WITHIN_MS = 3000;
const READ_BYTES = 256 * 1024; // at once from an extent; with Node's 64 KiB a download costs a sixth more processor time

const [installation, location, port, reserve] = process.argv.slice(2);
let server = null;
let requests = null;
let closing = false;

function fail(code, error) {
  console.error(error);
  process.exit(code);
}

function readInLargerPieces() {
  const { createReadStream } = fs;
  fs.createReadStream = (path, options) => createReadStream(path, { highWaterMark: READ_BYTES, ...options });
}

function load() {
  readInLargerPieces();
  enableCompileCache(join(installation, "compile-cache"));
  const require = createRequire(join(installation, "launch.js"));
  const part = (path) => require(`azurite/dist/src/${path}`);
  return {
    BlobServer: part("blob/BlobServer").default,
    BlobConfiguration: part("blob/BlobConfiguration").default,
    telemetry: part("common/Telemetry").AzuriteTelemetryClient,
    names: part("blob/utils/constants"),
  };
}

// What Azurite's own main does for --location, --silent, --skipApiVersionCheck and --disableTelemetry.
function create({ BlobServer, BlobConfiguration, telemetry, names }) {
  telemetry.enableTelemetry = false;
  const extents = names.DEFAULT_BLOB_PERSISTENCE_ARRAY.map((place) => ({
    ...place,
    locationPath: join(location, names.DEFAULT_BLOB_PERSISTENCE_PATH),
  }));
  const accessLog = false;
  const debugLog = false;
  const loose = false;
  const skipApiVersionCheck = true;
  return new BlobServer(
    new BlobConfiguration(
      HOST,
      Number(port),
      KEEP_ALIVE_SECONDS,
      join(location, names.DEFAULT_BLOB_LOKI_DB_PATH),
      join(location, names.DEFAULT_BLOB_EXTENT_LOKI_DB_PATH),
      extents,
      accessLog,
      undefined,
      debugLog,
      undefined,
      loose,
      skipApiVersionCheck,
    ),
  );
}

/** Answer what has been asked, save the index, end. */
async function close(code = 0) {
  if (closing) return;
  closing = true;
  if (!server) process.exit(code);
  server.httpServer.close();
  await requests.end(REQUESTS_END_WITHIN_MS);
  try {
    await server.close();
  } catch (error) {
    fail(FAILED, error); // the index could not be saved; its journal holds what is missing
  }
  process.exit(code);
}

async function main() {
  let azurite;
  try {
    azurite = load();
  } catch (error) {
    fail(BROKEN_INSTALLATION, error);
  }
  const starting = create(azurite);
  const journals = [new Journal(starting.extentMetadataStore), new Journal(starting.metadataStore)];
  try {
    await starting.start();
  } catch (error) {
    fail(error.syscall === "listen" ? PORT_TAKEN : FAILED, error);
  }
  requests = new Requests(starting.httpServer, location, Number(reserve), journals);
  server = starting;
  process.stdout.write(`${JSON.stringify({ port: server.httpServer.address().port })}\n`);
  flushCompileCache();
}

ignoreBrokenOutput();
console.log = console.error; // stdout is for the one line
whenParentEnds(() => close());
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => close());
process.on("uncaughtException", (error) => {
  console.error(error);
  close(FAILED).catch((failure) => fail(FAILED, failure));
});
main();
