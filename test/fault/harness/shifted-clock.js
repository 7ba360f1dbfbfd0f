import { readFileSync } from 'node:fs';

/*
 * Loaded into a program by `node --import`: its wall clock is by so many milliseconds wrong as the file FAULT_CLOCK says, as after
 * somebody has set the machine's. Timers and performance.now() go on, as they do then.
 */

const LOOK_MS = 20;
const path = process.env['FAULT_CLOCK'] ?? '';
const realNow = Date.now;
let shiftMs = 0;

function look() {
  try {
    shiftMs = Number(readFileSync(path, 'utf8'));
  } catch {
    // Without a file the clock is right.
    shiftMs = 0;
  }
}

look();
setInterval(look, LOOK_MS).unref();
Date.now = () => realNow() + shiftMs;
globalThis.Date = new Proxy(Date, {
  construct: (target, words, made) =>
    Reflect.construct(target, words.length === 0 ? [target.now()] : words, made),
});
