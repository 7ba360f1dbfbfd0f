import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const LOWEST = 15_000;
const ATTEMPTS = 100;

/**
 * A TCP port of 127.0.0.1 that nobody listens on, below the range that the kernel gives to clients: a client that
 * retries against a stopped server on a port of that range can end up connected to itself.
 */
export async function findFreePort(): Promise<number> {
  const highest = lowestClientPort() - 1;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (highest - LOWEST));
    if (await isFree(port)) return port;
  }
  throw new Error(`No free port between ${LOWEST} and ${highest}.`);
}

function lowestClientPort(): number {
  try {
    const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
    return Math.max(LOWEST + 1_000, Number.parseInt(range, 10) || 32_768);
  } catch {
    // No Linux: the usual range.
    return 32_768;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
