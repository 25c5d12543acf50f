// What Python hears of the uploads, and what it is asked for. Each message to it runs the page again.

const GATHER = 500; // ms in which files that end together become one message
const BETWEEN = 3_000; // ms between two messages while uploads go on
const RENEWAL = 30_000; // ms that Python has to send a new signature
const ASKED = 5_000; // ms before it is asked again

class App {
  constructor(uploads) {
    this.uploads = uploads;
    this.unreported = [];
    this.reported = 0;
    this.told = 0; // when it heard last
    addEventListener("online", () => this.lookAgain());
    setInterval(() => this.lookAgain(), REOPENED);
  }

  get reporter() {
    return [...this.uploads.views].sort((a, b) => b.rank - a.rank)[0];
  }

  // Notes a finished file; it is told with the next ones, and at once with the last.
  hear(upload, more) {
    this.unreported.push({ blob: upload.blob, account: upload.account });
    if (this.reporting && more) return;
    clearTimeout(this.reporting);
    const wait = more ? Math.max(GATHER, this.told + BETWEEN - Date.now()) : GATHER;
    this.reporting = setTimeout(() => this.report(), wait);
  }

  report() {
    clearTimeout(this.reporting);
    this.reporting = null;
    if (!this.reporter || !this.unreported.length) return;
    this.told = Date.now();
    this.reported += this.unreported.length;
    const files = this.unreported.splice(0).slice(-500);
    this.reporter.component.setStateValue("done", { count: this.reported, files });
  }

  tellBlocked() {
    const component = this.reporter?.component;
    const way = component && this.uploads.ways.get(component.data.target?.account);
    if (!way || way.blocked === component.data.blocked) return;
    component.setStateValue("blocked", way.blocked ? { account: way.target.account, reach: way.target.reach } : null);
  }

  // What the app carries takes the straight way again once that is open.
  async lookAgain() {
    for (const way of this.uploads.ways.values()) {
      if (!(await way.reopened())) continue;
      this.tellBlocked();
      this.uploads.wake();
    }
  }

  // Waits until another target has come than the one made at `made`, or for RENEWAL ms; tells how many have: 0 or 1.
  async renewed(upload, made) {
    const { ways, views } = this.uploads;
    const deadline = Date.now() + RENEWAL;
    const waits = () => ways.get(upload.account)?.target.made === made;
    while (upload.open && waits() && Date.now() < deadline) {
      if (!this.asking) {
        this.asking = setTimeout(() => (this.asking = null), ASKED);
        for (const view of views) view.component.setTriggerValue("renew", Date.now());
      }
      await this.uploads.pause(1_000);
    }
    if (!waits()) {
      clearTimeout(this.asking);
      this.asking = null;
      return 1;
    }
    upload.trouble = "The app does not answer. It goes on by itself.";
    return 0;
  }
}
