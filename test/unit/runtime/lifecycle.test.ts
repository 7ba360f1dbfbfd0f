import { afterEach, expect, test, vi } from 'vitest';
import { type Lifecycle, listenToSignals } from '../../../src/runtime/lifecycle.js';

let lifecycle: Lifecycle | undefined;
const onReload = vi.fn();
const endAtOnce = vi.fn();

function listen(): Lifecycle {
  lifecycle = listenToSignals({ onReload, endAtOnce });
  return lifecycle;
}

afterEach(() => {
  lifecycle?.close();
  vi.useRealTimers();
  vi.clearAllMocks();
});

test('the first signal asks to stop and says which it was', () => {
  const { signal } = listen();
  process.emit('SIGTERM', 'SIGTERM');
  expect(signal.aborted).toBe(true);
  expect(signal.reason).toMatchObject({ name: 'AbortError', message: 'Stopped by SIGTERM' });
  expect(endAtOnce).not.toHaveBeenCalled();
});

test('a second signal within a second ends at once', () => {
  listen();
  process.emit('SIGINT', 'SIGINT');
  process.emit('SIGINT', 'SIGINT');
  expect(endAtOnce).toHaveBeenCalledExactlyOnceWith('SIGINT');
});

test('a second signal after a second is as patient as the first', () => {
  vi.useFakeTimers();
  listen();
  process.emit('SIGINT', 'SIGINT');
  vi.advanceTimersByTime(1001);
  process.emit('SIGINT', 'SIGINT');
  expect(endAtOnce).not.toHaveBeenCalled();
});

test('SIGHUP reloads and does not stop', () => {
  const { signal } = listen();
  process.emit('SIGHUP', 'SIGHUP');
  expect(onReload).toHaveBeenCalledOnce();
  expect(signal.aborted).toBe(false);
});

test('after close no signal is listened to', () => {
  const before = process.listenerCount('SIGTERM');
  listen().close();
  expect(process.listenerCount('SIGTERM')).toBe(before);
});
