import type { Connection } from '../../src/db/connection.js';
import type { Cluster } from './cluster.js';

const ACCOUNTS = 50;

/**
 * Accounts whose sum never changes, a ledger whose rows are acknowledged or not, orders with a stored line count,
 * and a log without a key: what a lost, doubled or half-applied transaction would show in.
 */
export const BANK_TABLES = `
  create table public.account (id int primary key, balance numeric(20, 2) not null, note text);
  create table public.ledger (id bigserial primary key, mark bigint not null unique, amount numeric not null);
  create table public.purchase (id bigint generated always as identity primary key, line_count int not null);
  create table public.purchase_line (purchase_id bigint references public.purchase on delete cascade, line int, v text,
    primary key (purchase_id, line));
  create table public.log (at timestamptz, text text);`;

export const BANK_ROWS = `insert into public.account select g, 100, null from generate_series(1, ${ACCOUNTS}) as g`;

/** Where the invariants do not hold at this moment; empty when they do. */
export async function bankViolations(connection: Connection): Promise<string[]> {
  return connection.transaction(async (tx) => {
    const row = await tx.one<{ sum: string; short: bigint }>(
      `select (select coalesce(sum(balance), 0)::text from public.account) as sum,
              (select count(*) from public.purchase p
                where p.line_count <> (select count(*) from public.purchase_line l where l.purchase_id = p.id)) as short`,
    );
    const violations: string[] = [];
    if (Number(row.sum) !== ACCOUNTS * 100) violations.push(`the accounts hold ${row.sum}`);
    if (row.short !== 0n)
      violations.push(`${row.short} purchases have another number of lines than they say`);
    return violations;
  }, 'begin isolation level repeatable read');
}

/** An application that writes until it is told to stop, through whatever happens to its server. */
export class BankClient {
  readonly #cluster: Cluster;
  readonly #dbname: string;
  readonly #random: () => number;
  readonly #acknowledged: bigint[] = [];
  readonly #truncates: boolean;
  readonly #pauseMs: number;
  #mark: bigint;
  #stopping = false;
  readonly #ended: Promise<void>;

  /**
   * Starts writing. Marks of different clients must not meet: `firstMark` is far apart. Without `truncates` it leaves
   * TRUNCATE out, under which no snapshot can be read. It pauses for `pauseMs` after each transaction.
   */
  constructor(
    cluster: Cluster,
    dbname: string,
    random: () => number,
    firstMark: bigint,
    { truncates = true, pauseMs = 0 }: { readonly truncates?: boolean; readonly pauseMs?: number } = {},
  ) {
    this.#pauseMs = pauseMs;
    this.#truncates = truncates;
    this.#cluster = cluster;
    this.#dbname = dbname;
    this.#random = random;
    this.#mark = firstMark;
    this.#ended = this.#run();
  }

  /** The marks of the transactions whose commit was answered. */
  get acknowledged(): readonly bigint[] {
    return this.#acknowledged;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      try {
        await using connection = await this.#cluster.application(this.#dbname);
        while (!this.#stopping) {
          await this.#write(connection);
          if (this.#pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#pauseMs));
        }
      } catch {
        // The server is away or came back in between: whether the last transaction is there is not known.
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async #write(connection: Connection): Promise<void> {
    const mark = this.#mark++;
    const dice = this.#random();
    const account = () => 1 + Math.floor(this.#random() * ACCOUNTS);
    await connection.transaction(async (tx) => {
      const amount = (this.#random() * 10).toFixed(2);
      const [from, to] = [account(), account()].sort((a, b) => a - b);
      await tx.execute('update public.account set balance = balance - $1 where id = $2', [amount, from]);
      await tx.execute('update public.account set balance = balance + $1 where id = $2', [amount, to]);
      await tx.execute('insert into public.ledger (mark, amount) values ($1, $2)', [mark, amount]);
      if (dice < 0.3) {
        const lines = 1 + Math.floor(this.#random() * 5);
        await tx.execute(
          `with p as (insert into public.purchase (line_count) values ($1) returning id)
           insert into public.purchase_line select p.id, g, 'line ' || g from p, generate_series(1, $1) as g`,
          [lines],
        );
      } else if (dice < 0.4) {
        await tx.execute('delete from public.purchase where id = (select min(id) from public.purchase)');
      } else if (dice < 0.6) {
        await tx.execute(`insert into public.log values (now(), 'same'), (now(), 'same')`);
      } else if (dice < 0.7) {
        await tx.execute(
          `delete from public.log where ctid in (select ctid from public.log limit 1);
           update public.log set text = 'other' where ctid in (select ctid from public.log limit 1)`,
        );
      } else if (dice < 0.75) {
        await tx.execute('update public.account set note = md5(random()::text)');
      } else if (dice < 0.77 && this.#truncates) {
        await tx.execute('truncate public.log');
      }
    });
    this.#acknowledged.push(mark);
  }
}
