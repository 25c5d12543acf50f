// What every request to Azurite passes through: it is counted, it is refused while the disk has no room for it,
// and it is answered when what it changed is on disk.
import { statfsSync } from "node:fs";

const INTERNAL_ERROR = 500;
const INSUFFICIENT_STORAGE = 507;
const FULL = "The disk is full: storage keeps what it has and takes nothing more until there is room.";

export class Requests {
  /**
   * Stand in front of a server's own listeners. Uploads leave `reserve` bytes of the location's disk free, for
   * the index and its journal; `journals` are flushed before each answer.
   */
  constructor(httpServer, location, reserve, journals) {
    this.location = location;
    this.reserve = reserve;
    this.journals = journals;
    this.unanswered = new Set();
    this.expectedBytes = 0;
    this.allAnswered = () => {};
    const listeners = httpServer.listeners("request");
    httpServer.removeAllListeners("request");
    httpServer.on("request", (request, response) => {
      if (this.begin(request, response)) for (const listener of listeners) listener.call(httpServer, request, response);
    });
  }

  /** Resolves when everything asked has been answered, or after `milliseconds`. */
  async end(milliseconds) {
    if (this.unanswered.size === 0) return;
    await new Promise((resolve) => {
      this.allAnswered = resolve;
      setTimeout(resolve, milliseconds);
    });
  }

  /** Take a request on; false when it has been refused. */
  begin(request, response) {
    const bytes = request.method === "PUT" ? Number(request.headers["content-length"] ?? 0) : 0;
    this.unanswered.add(response);
    this.expectedBytes += bytes;
    response.once("close", () => {
      this.expectedBytes -= bytes;
      this.unanswered.delete(response);
      if (this.unanswered.size === 0) this.allAnswered();
      // A body that Azurite has left unread after an error would keep the connection's next request waiting.
      request.removeAllListeners("data").resume();
    });
    if (request.method === "PUT" && !this.hasRoom()) {
      request.resume();
      refuse(response, INSUFFICIENT_STORAGE, FULL);
      return false;
    }
    this.answerWhenKept(response);
    return true;
  }

  hasRoom() {
    const { bavail, bsize } = statfsSync(this.location);
    return bavail * bsize >= this.expectedBytes + this.reserve;
  }

  /** Let an answer go out when all that has changed is on disk; it turns into an error when that can't be. */
  answerWhenKept(response) {
    const { writeHead } = response;
    response.writeHead = (...given) => {
      response.writeHead = writeHead;
      try {
        for (const journal of this.journals) journal.flush();
      } catch (error) {
        console.error(error);
        for (const name of response.getHeaderNames()) response.removeHeader(name);
        return response.writeHead(INTERNAL_ERROR, { "x-ms-error-code": "InternalError" });
      }
      return response.writeHead(...given);
    };
  }
}

function refuse(response, status, message) {
  const body = `<?xml version="1.0" encoding="utf-8"?><Error><Code>InsufficientStorage</Code><Message>${message}</Message></Error>`;
  response.writeHead(status, {
    "content-type": "application/xml",
    "content-length": Buffer.byteLength(body),
    "x-ms-error-code": "InsufficientStorage",
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "*",
  });
  response.end(body);
}
