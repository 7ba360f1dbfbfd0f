import { sleep } from './sleep.js';

/** Lets a loop wait for "something has happened" with a limit. A call that comes while nobody waits is not lost. */
export class Wake {
  #called = false;
  #end: AbortController | undefined;

  /** Ends the wait that is going on, or else the next one. */
  call(): void {
    this.#called = true;
    this.#end?.abort();
  }

  /** Waits until `call`, the limit or the signal, whichever comes first. Never throws. */
  async wait(limitMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#called && !signal.aborted) {
      this.#end = new AbortController();
      await sleep(limitMs, AbortSignal.any([signal, this.#end.signal]));
      this.#end = undefined;
    }
    this.#called = false;
  }
}
