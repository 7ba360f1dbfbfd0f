import { setMaxListeners } from 'node:events';

/** What the operator's signals mean to a program. The only place that listens to signals. */
export interface Lifecycle {
  /** Aborted by SIGINT and SIGTERM: end in good order. */
  readonly signal: AbortSignal;
  /** Asks the program to stop, as a signal does. */
  stop(reason: string): void;
  /** Stops listening. */
  close(): void;
}

export interface LifecycleOptions {
  /** Called for SIGHUP. */
  readonly onReload: () => void;
  /** Called when a second SIGINT or SIGTERM comes soon after the first: ends the process. */
  readonly endAtOnce: (signalName: string) => void;
}

const SECOND_SIGNAL_MS = 1000;

/** Starts to listen to SIGINT, SIGTERM and SIGHUP. */
export function listenToSignals(options: LifecycleOptions): Lifecycle {
  const controller = new AbortController();
  // Every session, copy and pause listens; Node.js would warn of a leak from the eleventh on.
  setMaxListeners(0, controller.signal);
  let lastSignalAt = Number.NEGATIVE_INFINITY;
  const onStop = (signalName: string): void => {
    const now = performance.now();
    const isSecond = now - lastSignalAt < SECOND_SIGNAL_MS;
    lastSignalAt = now;
    if (isSecond) options.endAtOnce(signalName);
    else stop(signalName);
  };
  const stop = (reason: string): void => {
    if (!controller.signal.aborted) controller.abort(new DOMException(`Stopped by ${reason}`, 'AbortError'));
  };
  process.on('SIGINT', onStop);
  process.on('SIGTERM', onStop);
  process.on('SIGHUP', options.onReload);
  return {
    signal: controller.signal,
    stop,
    close() {
      process.off('SIGINT', onStop);
      process.off('SIGTERM', onStop);
      process.off('SIGHUP', options.onReload);
    },
  };
}
