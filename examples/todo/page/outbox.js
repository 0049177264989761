// Writes that wait to be sent, in local storage: a window that is closed while offline loses nothing.
// Each can be sent twice without harm, because after a lost connection nobody knows whether the first one arrived.

export class Outbox {
  #key;
  #db;
  #onChange;
  #onRefused;
  /** Sent and carried out, but perhaps not yet among the live rows. */
  #confirmed = [];
  #isSending = false;

  /** `onChange` is called when what waits has changed, `onRefused` with the error of a write that the server does not take. */
  constructor(key, db, {onChange, onRefused}) {
    this.#key = key;
    this.#db = db;
    this.#onChange = onChange;
    this.#onRefused = onRefused;
    db.onState(() => void this.send());
    // Another window of this browser has added or sent something.
    addEventListener('storage', event => event.key === key && onChange());
  }

  get waiting() {
    return JSON.parse(localStorage.getItem(this.#key) ?? '[]');
  }

  /** What the rows do not show yet, in order. */
  get unseen() {
    return [...this.#confirmed, ...this.waiting];
  }

  add(write) {
    this.#store([...this.waiting, {...write, number: crypto.randomUUID()}]);
    this.#onChange();
    void this.send();
  }

  /** The live rows have changed: they show what was confirmed before. */
  seen() {
    this.#confirmed = [];
  }

  /** Sends one write after another while there is a connection. One window of this browser does it at a time. */
  async send() {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      await navigator.locks.request(this.#key, () => this.#sendAll());
    } finally {
      this.#isSending = false;
    }
    // One was added meanwhile, or the server was too busy for the last one.
    if (this.#db.state === 'online' && this.waiting.length > 0) setTimeout(() => void this.send(), 250);
  }

  async #sendAll() {
    for (let [write] = this.waiting; write !== undefined && this.#db.state === 'online'; [write] = this.waiting) {
      try {
        await this.#db.sql(write.sql, write.params);
        this.#confirmed.push(write);
        setTimeout(() => this.#forget(write), 500);
      } catch (error) {
        // Lost, or a matter of time: it stays.
        if (/^(08|40|53|57)/.test(error.code)) return;
        this.#onRefused(error);
      }
      this.#store(this.waiting.filter(each => each.number !== write.number));
      this.#onChange();
    }
  }

  #forget(write) {
    if (!this.#confirmed.includes(write)) return;
    this.#confirmed = this.#confirmed.filter(each => each !== write);
    this.#onChange();
  }

  #store(writes) {
    localStorage.setItem(this.#key, JSON.stringify(writes));
  }
}
