import type { Connection } from '../../src/db/connection.js';
import { quoteName } from '../../src/db/identifier.js';
import { readMissing } from '../../src/replica/missing.js';
import type { TestNode } from '../support/test-node.js';
import { openTree, type Tree } from '../support/tree.js';
import { waitUntilSeen } from '../support/wait-until.js';
import { describeDifferences, fingerprint, READING_SESSION, readRows } from './read-rows.js';
import { type Step, type StepTools, schemaOf, type TortureCase, withSchema } from './torture-case.js';

/** How often a tick is made, and so how many statements are one batch for the leaf. */
export type TickAfter = 'each case' | 'each step' | 'all cases';

interface Kept {
  /** Why the case came to nothing before its rows could be compared. */
  readonly failures: string[];
  before: string;
}

/** A root and a leaf that have taken all cases. */
export class TorturePair implements AsyncDisposable {
  readonly #tree: Tree;
  readonly #root: TestNode;
  readonly #leaf: TestNode;
  readonly #kept = new Map<TortureCase, Kept>();
  readonly #readers: Connection[] = [];

  /** Use `openTorturePair`. */
  constructor(tree: Tree) {
    this.#tree = tree;
    this.#root = tree.node('root');
    this.#leaf = tree.node('leaf');
  }

  /** Replicates the tables of all cases, runs their steps on the root one case after the other, and waits until the leaf has it all. */
  async run(cases: readonly TortureCase[], tickAfter: TickAfter): Promise<void> {
    await this.#open(cases);
    await this.#setUp(cases);
    await this.#addTables(cases);
    await this.#tree.caughtUp(this.#root, [this.#leaf]);
    // From here on the ticks are ours, so that the same events are in the same batch each time.
    await this.#root.ticker?.stop();
    for (const torture of cases) {
      const [root] = this.#readers as [Connection];
      this.#keep(torture).before = fingerprint(await readRows(root, schemaOf(torture), torture.shared?.rows));
    }
    for (const torture of cases) {
      await this.#write(torture, tickAfter);
      if (tickAfter === 'each case') await this.#tick();
    }
    await this.#leafReaches(await this.#tick());
  }

  /** What is wrong with a case: empty when root and leaf are equal and nothing of it is parked. */
  async problems(torture: TortureCase): Promise<string[]> {
    const schema = schemaOf(torture);
    const [root, leaf] = this.#readers as [Connection, Connection];
    const { failures, before } = this.#keep(torture);
    const parked = await leaf.query<{ text: string; event: bigint | null }>(
      `select event_id as event, table_name || ' is parked: ' || error_code || ' ' || message || coalesce(' in event ' || event_id, '') as text
         from pgcascade.table_error where split_part(table_name, '.', 1) = $1`,
      [schema],
    );
    const [here, there] = await Promise.all([
      readRows(root, schema, torture.shared?.rows),
      readRows(leaf, schema, torture.shared?.rows),
    ]);
    const isSame = fingerprint(here) === before;
    const problems = [
      ...failures,
      ...parked.map(({ text }) => text),
      ...describeDifferences(here, there),
      ...(isSame && torture.changesNothing !== true ? ['The steps have changed nothing on the root.'] : []),
    ];
    for (const { event } of parked) problems.push(...(await this.#events(schema, event)));
    return problems;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.close()));
    await this.#tree[Symbol.asyncDispose]();
  }

  async #open(cases: readonly TortureCase[]): Promise<void> {
    for (const torture of cases) {
      const twins = [...this.#kept.keys()].filter((other) => schemaOf(other) === schemaOf(torture));
      if (twins.some((other) => other.shared === undefined)) {
        throw new Error(`Two cases have the schema ${schemaOf(torture)}.`);
      }
      this.#kept.set(torture, { failures: [], before: '' });
    }
    for (const node of [this.#root, this.#leaf]) {
      await node.query(
        `create extension hstore schema public; create extension citext schema public;
         do $$ begin create role torture_writer; exception when duplicate_object then null; end $$`,
      );
      const reader = await node.connect();
      await reader.execute(READING_SESSION);
      this.#readers.push(reader);
    }
  }

  async #setUp(cases: readonly TortureCase[]): Promise<void> {
    const one = async (node: TestNode, isRoot: boolean) => {
      await using connection = await node.application();
      const made = new Set<string>();
      for (const torture of cases) {
        const schema = schemaOf(torture);
        if (made.has(schema)) continue;
        made.add(schema);
        const { setup, rootSetup } = torture;
        try {
          await connection.execute(
            `create schema ${schema}; grant usage on schema ${schema} to torture_writer; set search_path = ${schema}, public`,
          );
          await connection.execute(withSchema(torture, setup));
          if (isRoot && rootSetup !== undefined) await connection.execute(withSchema(torture, rootSetup));
          await connection.execute(
            `grant all on all tables in schema ${schema} to torture_writer; grant all on all sequences in schema ${schema} to torture_writer`,
          );
        } catch (error) {
          this.#failed(torture, `setup on ${node.name}`, error);
        }
        await connection.execute('reset all');
      }
    };
    await Promise.all([one(this.#root, true), one(this.#leaf, false)]);
  }

  async #addTables(cases: readonly TortureCase[]): Promise<void> {
    for (const node of [this.#root, this.#leaf]) {
      // A table that ends the command ends its case only: it is dropped, and the command is begun again.
      for (let isDone = false; !isDone; ) {
        try {
          const { stdout } = await node.prepare('add-table', '--all', '--expect-sync', '--skip-non-existing');
          for (const line of stdout.split('\n').filter((found) => found.startsWith('skipped '))) {
            this.#failedTable(cases, line.slice('skipped '.length), `add-table on ${node.name}`, line);
          }
          isDone = true;
        } catch (error) {
          const [name] = (await readMissing(this.#reader(node), this.#tree.queue)).tables;
          if (name === undefined) throw error;
          this.#failedTable(cases, name, `add-table on ${node.name}`, error);
          for (const other of [this.#root, this.#leaf]) {
            await other.query(`drop table ${quoteName(name)} cascade`);
          }
        }
      }
    }
  }

  /** Notes what went wrong with the table `schema.name…`. */
  #failedTable(cases: readonly TortureCase[], name: string, what: string, error: unknown): void {
    const torture = cases.find((candidate) => name.startsWith(`${schemaOf(candidate)}.`));
    if (torture === undefined) throw error;
    this.#failed(torture, `${what}, ${name}`, error);
  }

  #reader(node: TestNode): Connection {
    return this.#readers[node === this.#root ? 0 : 1] as Connection;
  }

  async #write(torture: TortureCase, tickAfter: TickAfter): Promise<void> {
    await using application = await this.#root.application();
    // A statement that waits or loops without end is a failure of its case only.
    await application.execute(
      `set statement_timeout = '10s'; set search_path = ${schemaOf(torture)}, public`,
    );
    for (const step of [...(torture.session ?? []), ...torture.steps]) {
      try {
        await this.#step(torture, application, step);
      } catch (error) {
        this.#failed(torture, typeof step === 'string' ? step.slice(0, 200) : 'step', error);
        return;
      }
      if (tickAfter === 'each step') await this.#tick();
    }
  }

  async #step(torture: TortureCase, application: Connection, step: Step): Promise<void> {
    if (typeof step === 'string') {
      await application.execute(withSchema(torture, step));
    } else if ('refused' in step) {
      const refused = await application.execute(withSchema(torture, step.refused)).then(
        () => false,
        () => true,
      );
      if (!refused) throw new Error(`was not refused: ${step.refused}`);
    } else if ('copy' in step) {
      const stream = application.copyFrom(withSchema(torture, step.copy));
      await new Promise<void>((resolve, reject) => {
        stream.on('finish', () => resolve()).on('error', reject);
        stream.end(step.data);
      });
    } else if ('onBoth' in step) {
      await this.#leafReaches(await this.#tick());
      await using leaf = await this.#leaf.application();
      await leaf.execute(
        `set session_replication_role = replica; set search_path = ${schemaOf(torture)}, public`,
      );
      await leaf.execute(withSchema(torture, step.onBoth));
      await application.execute(withSchema(torture, step.onBoth));
    } else {
      await step.run(this.#tools(application));
    }
  }

  #tools(application: Connection): StepTools {
    return { application, open: () => this.#root.application(), tick: () => this.#tick() };
  }

  async #tick(): Promise<bigint> {
    await this.#root.query('select pgq.force_tick($1)', [this.#tree.queue]);
    const [row] = await this.#root.query<{ tick: bigint | null }>('select pgq.ticker($1) as tick', [
      this.#tree.queue,
    ]);
    if (row === undefined || row.tick === null) throw new Error('No tick was made.');
    return row.tick;
  }

  async #leafReaches(tick: bigint): Promise<void> {
    await waitUntilSeen(
      `the leaf has completed tick ${tick}`,
      () => this.#leaf.position(this.#tree.queue),
      (seen) => seen.tick !== null && seen.tick >= tick,
      { timeoutMs: 60_000 },
    );
  }

  /** What the root has written about the tables of a schema up to an event, for the report of a parked table. */
  async #events(schema: string, event: bigint | null): Promise<string[]> {
    const [queue] = await this.#root.query<{ prefix: string }>(
      'select queue_data_pfx as prefix from pgq.queue where queue_name = $1',
      [this.#tree.queue],
    );
    const events = await this.#root.query<{ text: string }>(
      `select ev_id || ' ' || left(ev_type, 100) || ' ' || left(ev_data, 300) || coalesce(' extra2 ' || left(ev_extra2, 300), '') as text
         from ${queue?.prefix ?? ''} where split_part(ev_extra1, '.', 1) = $1 and ev_id <= coalesce($2, ev_id) + 3 order by ev_id desc limit 12`,
      [schema, event],
    );
    return events.map(({ text }) => `event ${text}`).reverse();
  }

  #keep(torture: TortureCase): Kept {
    const kept = this.#kept.get(torture);
    if (kept === undefined) throw new Error(`${torture.name} was not run.`);
    return kept;
  }

  #failed(torture: TortureCase, what: string, error: unknown): void {
    this.#keep(torture).failures.push(
      `${error instanceof Error ? error.message : String(error)}, from ${what}`,
    );
  }
}

/** Sets up a root and a leaf, each with a server of its own. `ini`: more lines for the leaf's worker. */
export async function openTorturePair(
  from: number,
  to: number,
  { rootEncoding, ini }: { readonly rootEncoding?: string | undefined; readonly ini?: readonly string[] },
): Promise<TorturePair> {
  return new TorturePair(
    await openTree({
      nodes: { root: { major: from, encoding: rootEncoding }, leaf: { major: to, provider: 'root' } },
      ownServers: true,
      settings: { max_prepared_transactions: '5' },
      ini: ini ?? [],
    }),
  );
}
