import type { Connection } from '../../../src/db/connection.js';
import { pidOf } from './queue-fixture.js';

const WRITERS = 4;
const TICKERS = 2;
const CONSUMERS = 3;
/** Nobody waits for another session of the run; autovacuum lets go earlier. */
export const LOCK_TIMEOUT = '10s';

/** A session that can be cut and opened again. */
export class Seat {
  readonly #open: () => Promise<Connection>;
  session: Connection;

  private constructor(open: () => Promise<Connection>, session: Connection) {
    this.#open = open;
    this.session = session;
  }

  static async take(open: () => Promise<Connection>): Promise<Seat> {
    return new Seat(open, await open());
  }

  /** Cuts the connection as a process that dies does. Returns when the server has noticed. */
  async cut(): Promise<void> {
    const pid = await pidOf(this.session);
    this.session.destroy();
    this.session = await this.#open();
    for (let left = 10_000; left > 0; left--) {
      const rows = await this.session.query('select from pg_catalog.pg_stat_activity where pid = $1', [pid]);
      if (rows.length === 0) return;
    }
    throw new Error(`Server process ${pid} does not end.`);
  }
}

/** The sessions, used by one run after the other. */
export interface Seats {
  readonly admin: Seat;
  readonly rotation: Seat;
  readonly writers: readonly Seat[];
  readonly tickers: readonly Seat[];
  readonly consumers: readonly Seat[];
}

export async function takeSeats(open: () => Promise<Connection>): Promise<Seats> {
  const take = () =>
    Seat.take(async () => {
      const session = await open();
      await session.execute(`set lock_timeout = '${LOCK_TIMEOUT}'; set client_min_messages = 'error'`);
      return session;
    });
  const many = (count: number) => Promise.all(Array.from({ length: count }, take));
  return {
    admin: await take(),
    rotation: await take(),
    writers: await many(WRITERS),
    tickers: await many(TICKERS),
    consumers: await many(CONSUMERS),
  };
}
