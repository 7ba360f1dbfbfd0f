// The socket of a pg_dump that runs in another thread of this process and waits there for each answer (pg-dump.ts).
import { connect } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

const READY_FOR_QUERY = 'Z'.charCodeAt(0);
const state = new Int32Array(workerData.shared, 0, 2);
const bytes = new Uint8Array(workerData.shared, 8);
let received = Buffer.alloc(0);

const socket = connect(workerData.port, workerData.host);
socket.on('data', (chunk) => {
  received = Buffer.concat([received, chunk]);
  if (isAnswered()) handOver();
});
socket.on('close', handOver);
socket.on('error', handOver);
parentPort?.on('message', (message) => socket.write(message));

/** Whether the last message that came is whole and the server waits for the next query. */
function isAnswered() {
  let at = 0;
  let last = 0;
  while (at + 5 <= received.length) {
    last = received[at];
    at += 1 + received.readInt32BE(at + 1);
  }
  return at === received.length && last === READY_FOR_QUERY;
}

function handOver() {
  bytes.set(received.subarray(0, bytes.length));
  state[1] = received.length;
  received = Buffer.alloc(0);
  Atomics.store(state, 0, 1);
  Atomics.notify(state, 0);
}
