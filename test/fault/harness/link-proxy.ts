import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** How a link behaves. */
export type LinkState =
  | { readonly kind: 'open' }
  /** New connections are reset; those that are there go on. */
  | { readonly kind: 'refuse' }
  /** Each piece arrives so much later, in both directions. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** So many bytes of answers still come through, then nothing does, in either direction; nobody is told, also not of the end of the other. */
  | { readonly kind: 'silent'; readonly afterBytes: number }
  /** The next request that contains the text is handed on, and done; its answer is dropped and the connection is cut. */
  | { readonly kind: 'lose-answer'; readonly request: string };

/** ReadyForQuery: the server has answered all of a request. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5]);
const READY_LENGTH = READY.length + 1;

/** The TCP link from one program to one server, which can be made to fail. The server's port must not change. */
export class LinkProxy implements AsyncDisposable {
  readonly #targetPort: number;
  readonly #server: Server;
  readonly #lines = new Set<Line>();
  #state: LinkState = { kind: 'open' };
  readonly #held = new Set<() => void>();
  #silentBytesLeft = 0;
  /** Answers that were lost since the start. */
  lostAnswers = 0;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async open(targetPort: number): Promise<LinkProxy> {
    const proxy = new LinkProxy(targetPort);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connectionCount(): number {
    return this.#lines.size;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Changes how the link behaves. Connections that a silence held are cut when it ends, unless it `heals`. */
  become(state: LinkState, { heals = false }: { readonly heals?: boolean } = {}): void {
    const wasSilent = this.#state.kind === 'silent';
    this.#state = state;
    this.#silentBytesLeft = state.kind === 'silent' ? state.afterBytes : 0;
    if (wasSilent && state.kind !== 'silent' && !heals) this.cut();
    for (const release of this.#held) release();
    this.#held.clear();
  }

  /** Resets every connection; new ones are taken. */
  cut(): void {
    for (const line of this.#lines) line.cut();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.become({ kind: 'open' });
    this.cut();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    // Without a listener an error that comes before the line has one would end the process.
    client.on('error', () => undefined);
    if (this.#state.kind === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const line = new Line(client, this.#targetPort);
    this.#lines.add(line);
    const request = this.#pump(line, line.client, line.server, (chunk) => this.#passRequest(line, chunk));
    const answer = this.#pump(line, line.server, line.client, (chunk) => this.#passAnswer(line, chunk));
    void Promise.all([request, answer]).finally(() => {
      line.cut();
      this.#lines.delete(line);
    });
  }

  async #pump(
    line: Line,
    from: Socket,
    to: Socket,
    pass: (chunk: Buffer) => Promise<Buffer | undefined>,
  ): Promise<void> {
    try {
      for await (const chunk of from) {
        const passed = await pass(chunk as Buffer);
        if (line.isCut || to.destroyed) return;
        if (passed !== undefined && !to.write(passed)) await drained(to);
      }
      await this.#whileSilent(line);
      to.end();
    } catch {
      // One end is gone: so is the other, which is told when it can be.
      await this.#whileSilent(line);
      line.cut();
    }
  }

  async #passRequest(line: Line, chunk: Buffer): Promise<Buffer> {
    if (this.#state.kind === 'lose-answer') {
      const { request } = this.#state;
      if (chunk.toString('latin1').toLowerCase().includes(request)) {
        line.losesAnswer = true;
        this.become({ kind: 'open' });
      }
    }
    if (this.#state.kind === 'silent' && this.#silentBytesLeft === 0) await this.#whileSilent(line);
    if (this.#state.kind === 'delay') await sleep(this.#state.ms);
    return chunk;
  }

  async #passAnswer(line: Line, chunk: Buffer): Promise<Buffer | undefined> {
    if (line.losesAnswer) {
      if (chunk.subarray(-READY_LENGTH, -1).equals(READY)) {
        this.lostAnswers++;
        line.cut();
      }
      return undefined;
    }
    if (this.#state.kind === 'delay') await sleep(this.#state.ms);
    if (this.#state.kind !== 'silent') return chunk;
    const through = Math.min(this.#silentBytesLeft, chunk.length);
    this.#silentBytesLeft -= through;
    if (through === chunk.length) return chunk;
    if (through > 0) line.client.write(chunk.subarray(0, through));
    await this.#whileSilent(line);
    return chunk.subarray(through);
  }

  async #whileSilent(line: Line): Promise<void> {
    while (this.#state.kind === 'silent' && !line.isCut) {
      await new Promise<void>((resolve) => {
        this.#held.add(resolve);
        line.ended.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }
}

/** Waits until the socket takes more, or is gone: then it would never. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
  });
}

/** One connection through the proxy. */
class Line {
  readonly client: Socket;
  readonly server: Socket;
  readonly #ending = new AbortController();
  losesAnswer = false;

  constructor(client: Socket, targetPort: number) {
    this.client = client;
    this.server = new Socket();
    this.server.on('error', () => undefined);
    this.server.connect(targetPort, '127.0.0.1');
    client.setNoDelay(true);
    this.server.setNoDelay(true);
  }

  get ended(): AbortSignal {
    return this.#ending.signal;
  }

  get isCut(): boolean {
    return this.ended.aborted;
  }

  cut(): void {
    if (this.isCut) return;
    this.#ending.abort();
    this.client.resetAndDestroy();
    this.server.resetAndDestroy();
  }
}
