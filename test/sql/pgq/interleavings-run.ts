import { expect } from 'vitest';
import type { Row } from '../../../src/db/connection.js';
import { SQLSTATE, sqlstateOf } from '../../../src/db/sqlstate.js';
import { type EventRow, QueueModel, sortedTexts } from './interleavings-model.js';
import { LOCK_TIMEOUT, type Seat, type Seats } from './interleavings-seats.js';

const TICK_LOCK_CLASS = 1885827445;
/** The first two are registered from the start. */
const CONSUMERS = ['one', 'two', 'late'];

interface Writer {
  readonly seat: Seat;
  /** One list of events for the transaction and one for each savepoint; undefined: no transaction. */
  frames: EventRow[][] | undefined;
  /** What pgq.current_event_table answered in this transaction. */
  table: string | undefined;
}

interface Ticker {
  readonly seat: Seat;
  /** `plain`: ticks in a transaction; `snapshot`: holds the tick lock and a snapshot, as a copy does. */
  transaction: 'plain' | 'snapshot' | undefined;
  /** Made in the transaction, so not to be seen yet. */
  ticks: { readonly id: bigint; readonly snapshot: string }[];
}

type Delivered = Pick<EventRow, 'id' | 'data' | 'retry'>;

interface Subscription {
  readonly subId: number;
  readonly registeredAt: bigint;
  readonly lastTick: bigint;
  readonly batch: { readonly id: bigint; readonly nextTick: bigint } | undefined;
  readonly delivered: readonly Delivered[];
}

interface Consumer {
  readonly name: string;
  readonly seat: Seat;
  subscription: Subscription | undefined;
  /** The state at the begin of the transaction that is open, and what was retried in it. */
  transaction: { readonly before: Subscription | undefined; readonly retries: EventRow[] } | undefined;
}

/** What a step does, who does it (modulo how many there are), and a number that it may use. */
export type Step = readonly [kind: StepKind, who: number, nr: number];
export type StepKind = keyof typeof STEPS;

/** What each kind of step does. A step that makes no sense as things stand does nothing. */
const STEPS = {
  write: (run, who, nr) => run.write(run.writer(who), (nr % 3) + 1),
  'write directly': (run, who) => run.writeDirectly(run.writer(who)),
  'ask for table': (run, who) => run.askForTable(run.writer(who)),
  begin: (run, who) => run.begin(run.writer(who), 'read committed'),
  'begin repeatable read': (run, who) => run.begin(run.writer(who), 'repeatable read'),
  commit: (run, who) => run.end(run.writer(who), 'commit'),
  rollback: (run, who) => run.end(run.writer(who), 'rollback'),
  savepoint: (run, who) => run.savepoint(run.writer(who)),
  'rollback to savepoint': (run, who) => run.rollbackToSavepoint(run.writer(who)),
  'cut writer': (run, who) => run.cutWriter(run.writer(who)),
  tick: (run, who) => run.tick(run.ticker(who)),
  'force tick': (run) => run.forceTick(),
  'begin ticking': (run, who, nr) => run.beginTicking(run.ticker(who), nr % 2 === 0),
  'tick of a snapshot': (run, who) => run.beginSnapshotTick(run.ticker(who)),
  'end ticking': (run, who, nr) => run.endTicking(run.ticker(who), nr % 4 !== 0),
  'rotate 1': (run) => run.rotate(),
  'begin rotate 1': (run) => run.beginRotate(),
  'end rotate 1': (run, _who, nr) => run.endRotate(nr % 4 !== 0),
  'rotate 2': (run) => run.rotateSecond(),
  'put back retries': (run) => run.putBackRetries(),
  'open batch': async (run, who) => void (await run.openBatch(run.consumer(who))),
  'read batch': (run, who) => run.readBatch(run.consumer(who)),
  'retry event': (run, who, nr) => run.retry(run.consumer(who), nr),
  'finish batch': (run, who) => run.finishBatch(run.consumer(who)),
  'read a whole batch': async (run, who) => void (await run.readWholeBatch(run.consumer(who))),
  'consumer begins': (run, who) => run.consumerBegins(run.consumer(who)),
  'consumer commits': (run, who) => run.consumerEnds(run.consumer(who), 'commit'),
  'consumer rolls back': (run, who) => run.consumerEnds(run.consumer(who), 'rollback'),
  'cut consumer': (run, who) => run.cutConsumer(run.consumer(who)),
  round: (run) => run.round(),
  register: (run, who) => run.register(run.consumer(who)),
  unregister: (run, who) => run.unregister(run.consumer(who)),
  'at the same time': (run, who, nr) => run.atTheSameTime(who * 8 + nr),
} satisfies Record<string, (run: QueueRun, who: number, nr: number) => Promise<void>>;

/** One queue of its own, the steps that are done to it, and the model that says what consumers must get. */
export class QueueRun implements AsyncDisposable {
  readonly #model = new QueueModel();
  readonly #seats: Seats;
  readonly #queueName: string;
  readonly #writers: readonly Writer[];
  readonly #tickers: readonly Ticker[];
  readonly #consumers: readonly Consumer[];
  #queueId = 0;
  #isRotating = false;
  #written = 0;

  private constructor(seats: Seats, queueName: string) {
    this.#seats = seats;
    this.#queueName = queueName;
    this.#writers = seats.writers.map((seat) => ({ seat, frames: undefined, table: undefined }));
    this.#tickers = seats.tickers.map((seat) => ({ seat, transaction: undefined, ticks: [] }));
    this.#consumers = seats.consumers.map((seat, i) => ({
      name: CONSUMERS[i] ?? '',
      seat,
      subscription: undefined,
      transaction: undefined,
    }));
  }

  static async start(seats: Seats, queueName: string): Promise<QueueRun> {
    const run = new QueueRun(seats, queueName);
    const { session } = seats.admin;
    await session.query('select pgq.create_queue($1)', [queueName]);
    const { id } = await session.one<{ id: number }>(
      `update pgq.queue
          set queue_ticker_max_lag = '0', queue_ticker_idle_period = '0', queue_rotation_period = '0'
        where queue_name = $1
       returning queue_id as id`,
      [queueName],
    );
    run.#queueId = id;
    await run.#learnTicks();
    for (const consumer of run.#consumers.slice(0, 2)) await run.register(consumer);
    return run;
  }

  async do([kind, who, nr]: Step): Promise<void> {
    await STEPS[kind](this, who, nr);
  }

  /** Ends all transactions, lets all consumers read to the end, and checks that each got everything once. */
  async finish(commits: boolean): Promise<void> {
    for (const writer of this.#writers) await this.end(writer, commits ? 'commit' : 'rollback');
    for (const ticker of this.#tickers) await this.endTicking(ticker, commits);
    await this.endRotate(commits);
    for (const consumer of this.#consumers)
      await this.consumerEnds(consumer, commits ? 'commit' : 'rollback');
    do {
      await this.putBackRetries();
      await this.tick(this.ticker(0));
      for (const consumer of this.#consumers) while (await this.readWholeBatch(consumer));
      await this.rotate();
      await this.rotateSecond();
    } while (this.#model.retries.size > 0);
    for (const { name, subscription } of this.#consumers) {
      if (subscription === undefined) continue;
      const { registeredAt, subId, delivered } = subscription;
      expect(sortedTexts(delivered), `all that ${name} got`).toEqual(
        sortedTexts(this.#model.between(registeredAt, undefined, subId)),
      );
    }
  }

  /** Leaves nothing behind, also in the middle of a run. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { admin, rotation, writers, tickers, consumers } = this.#seats;
    for (const { session } of [rotation, ...writers, ...tickers, ...consumers]) {
      await session.execute('rollback; select pg_catalog.pg_advisory_unlock_all()');
    }
    await admin.session.query('select pgq.drop_queue($1, true)', [this.#queueName]);
  }

  writer(who: number): Writer {
    return at(this.#writers, who);
  }

  ticker(who: number): Ticker {
    return at(this.#tickers, who);
  }

  consumer(who: number): Consumer {
    return at(this.#consumers, who);
  }

  // Writers

  async write(writer: Writer, count: number): Promise<void> {
    const texts = Array.from({ length: count }, () => `e${++this.#written}`);
    const rows = await writer.seat.session.query<{ id: bigint; data: string; txid: bigint }>(
      `select pgq.insert_event($1, 't', d) as id, d as data, txid_current() as txid
         from unnest($2::text[]) as d`,
      [this.#queueName, texts],
    );
    this.#note(writer, rows);
  }

  /** Writes as COPY into the current table does. */
  async writeDirectly(writer: Writer): Promise<void> {
    if (writer.table === undefined) return;
    const rows = await writer.seat.session.query<{ id: bigint; data: string; txid: bigint }>(
      `insert into ${writer.table} (ev_time, ev_data) values (now(), $1)
       returning ev_id as id, ev_data as data, ev_txid as txid`,
      [`e${++this.#written}`],
    );
    this.#note(writer, rows);
  }

  async askForTable(writer: Writer): Promise<void> {
    if (writer.frames === undefined) return;
    const { name } = await writer.seat.session.one<{ name: string }>(
      'select pgq.current_event_table($1) as name',
      [this.#queueName],
    );
    writer.table = name;
  }

  async begin(writer: Writer, isolation: string): Promise<void> {
    if (writer.frames !== undefined) return;
    // The first select takes the snapshot, the first write takes the transaction id.
    await writer.seat.session.execute(`begin isolation level ${isolation}; select 1`);
    writer.frames = [[]];
  }

  async end(writer: Writer, how: 'commit' | 'rollback'): Promise<void> {
    if (writer.frames === undefined) return;
    await writer.seat.session.execute(how);
    this.#writerEnded(writer, how);
  }

  async savepoint(writer: Writer): Promise<void> {
    if (writer.frames === undefined) return;
    await writer.seat.session.execute(`savepoint s${writer.frames.length}`);
    writer.frames.push([]);
  }

  async rollbackToSavepoint(writer: Writer): Promise<void> {
    if (writer.frames === undefined || writer.frames.length < 2) return;
    await writer.seat.session.execute(`rollback to savepoint s${writer.frames.length - 1}`);
    writer.frames[writer.frames.length - 1] = [];
  }

  async cutWriter(writer: Writer): Promise<void> {
    if (writer.frames === undefined) return;
    await writer.seat.cut();
    this.#writerEnded(writer, 'rollback');
  }

  #note(writer: Writer, rows: readonly { id: bigint; data: string; txid: bigint }[]): void {
    const events = rows.map((row) => ({ ...row, retry: 0, owner: undefined }));
    (writer.frames?.at(-1) ?? this.#model.committed).push(...events);
  }

  #writerEnded(writer: Writer, how: 'commit' | 'rollback'): void {
    if (how === 'commit') this.#model.committed.push(...(writer.frames ?? []).flat());
    writer.frames = undefined;
    writer.table = undefined;
  }

  // Ticks

  async tick(ticker: Ticker): Promise<void> {
    if (ticker.transaction === 'snapshot') return;
    const isTicking = this.#tickers.some(({ transaction }) => transaction !== undefined);
    const { id } = await ticker.seat.session.one<{ id: bigint | null }>('select pgq.ticker($1) as id', [
      this.#queueName,
    ]);
    if (ticker.transaction === 'plain') {
      if (id !== null) await this.#keepTick(ticker, id);
      return;
    }
    if (id === null && isTicking) return;
    expect(id, 'a tick is made when nobody else makes one').not.toBeNull();
    const [seen] = await this.#learnTicks();
    expect(seen, 'events that a new tick sees').toBe(this.#model.committed.length);
  }

  async forceTick(): Promise<void> {
    await this.#seats.admin.session.query('select pgq.force_tick($1)', [this.#queueName]);
  }

  async beginTicking(ticker: Ticker, isRepeatable: boolean): Promise<void> {
    if (ticker.transaction !== undefined) return;
    await ticker.seat.session.execute(
      `begin isolation level ${isRepeatable ? 'repeatable read' : 'read committed'}; select 1`,
    );
    ticker.transaction = 'plain';
  }

  /** What a copy does: the tick lock first, then the snapshot that is the tick. It is inserted when the ticking ends. */
  async beginSnapshotTick(ticker: Ticker): Promise<void> {
    if (ticker.transaction !== undefined) return;
    const { session } = ticker.seat;
    const { locked } = await session.one<{ locked: boolean }>(
      'select pg_try_advisory_lock($1, $2) as locked',
      [TICK_LOCK_CLASS, this.#queueId],
    );
    if (!locked) return;
    await session.execute('begin isolation level repeatable read; select 1');
    ticker.transaction = 'snapshot';
  }

  async endTicking(ticker: Ticker, commits: boolean): Promise<void> {
    if (ticker.transaction === undefined) return;
    const { session } = ticker.seat;
    if (ticker.transaction === 'snapshot' && commits) {
      const { id } = await session.one<{ id: bigint }>(
        `insert into pgq.tick (tick_queue, tick_id, tick_event_seq)
         select q.queue_id, nextval(q.queue_tick_seq), pgq.seq_getval(q.queue_event_seq)
           from pgq.queue as q
          where q.queue_id = $1
         returning tick_id as id`,
        [this.#queueId],
      );
      await this.#keepTick(ticker, id);
    }
    await session.execute(commits ? 'commit' : 'rollback');
    if (ticker.transaction === 'snapshot') {
      await session.query('select pg_advisory_unlock($1, $2)', [TICK_LOCK_CLASS, this.#queueId]);
    }
    if (commits) for (const { id, snapshot } of ticker.ticks) this.#model.addTick(id, snapshot);
    ticker.transaction = undefined;
    ticker.ticks = [];
  }

  async #keepTick(ticker: Ticker, id: bigint): Promise<void> {
    const { snapshot } = await ticker.seat.session.one<{ snapshot: string }>(
      'select tick_snapshot::text as snapshot from pgq.tick where tick_queue = $1 and tick_id = $2',
      [this.#queueId, id],
    );
    ticker.ticks.push({ id, snapshot });
  }

  /** Takes the ticks that have come into the model; returns how many events each sees. */
  async #learnTicks(): Promise<number[]> {
    const rows = await this.#seats.admin.session.query<{ id: bigint; snapshot: string }>(
      `select tick_id as id, tick_snapshot::text as snapshot
         from pgq.tick
        where tick_queue = $1 and tick_id > $2
        order by tick_id`,
      [this.#queueId, this.#model.newestTick],
    );
    return rows.map(({ id, snapshot }) => this.#model.addTick(id, snapshot));
  }

  // Maintenance

  async rotate(): Promise<void> {
    if (this.#isRotating) return;
    await this.#maintain(`pgq.maint_rotate_tables_step1('${this.#queueName}')`);
  }

  /** A tick, all consumers that can read to the end, and a rotation: what lets the tables go round. */
  async round(): Promise<void> {
    await this.tick(this.ticker(0));
    for (const consumer of this.#consumers) {
      if (consumer.transaction === undefined) while (await this.readWholeBatch(consumer));
    }
    await this.rotate();
    await this.rotateSecond();
  }

  async beginRotate(): Promise<void> {
    if (this.#isRotating) return;
    await this.#seats.rotation.session.execute('begin');
    this.#isRotating = true;
    if (!(await this.#maintain(`pgq.maint_rotate_tables_step1('${this.#queueName}')`)))
      await this.endRotate(false);
  }

  async endRotate(commits: boolean): Promise<void> {
    if (!this.#isRotating) return;
    await this.#seats.rotation.session.execute(commits ? 'commit' : 'rollback');
    this.#isRotating = false;
  }

  async rotateSecond(): Promise<void> {
    if (this.#isRotating) return;
    await this.#maintain('pgq.maint_rotate_tables_step2()');
  }

  async putBackRetries(): Promise<void> {
    for (;;) {
      const { count, txid } = await this.#seats.admin.session.one<{ count: number; txid: bigint }>(
        'select pgq.maint_retry_events() as count, txid_current() as txid',
      );
      if (count === 0) break;
      this.#putBackTxids.push(txid);
    }
    await this.#notePutBack();
  }

  readonly #putBackTxids: bigint[] = [];

  /** Whatever maintenance put back is a committed event of the transaction that did it. */
  async #notePutBack(): Promise<void> {
    const txids = this.#putBackTxids.splice(0);
    if (txids.length === 0) return;
    const { current } = await this.#seats.admin.session.one<{ current: number }>(
      'select queue_cur_table as current from pgq.queue where queue_id = $1',
      [this.#queueId],
    );
    // A rotation that is not committed holds the third table.
    const tables = [current, (current + 2) % 3].map((nr) => `pgq.event_${this.#queueId}_${nr}`);
    const select = 'select ev_id as id, ev_owner as owner, ev_txid as txid';
    const rows = await this.#seats.admin.session.query<{ id: bigint; owner: number; txid: bigint }>(
      tables.map((name) => `${select} from ${name} where ev_txid = any ($1)`).join(' union all '),
      [txids],
    );
    for (const { id, owner, txid } of rows) {
      const asked = this.#model.retries.get(`${owner} ${id}`);
      if (asked === undefined) throw new Error(`Event ${id} was put back and nobody had asked for it.`);
      this.#model.retries.delete(`${owner} ${id}`);
      this.#model.committed.push({ ...asked, txid });
    }
  }

  async #maintain(call: string): Promise<boolean> {
    return done(this.#seats.rotation, `select ${call}`);
  }

  // Consumers

  async register(consumer: Consumer): Promise<void> {
    if (consumer.subscription !== undefined) return;
    const { session } = consumer.seat;
    const call = `select pgq.register_consumer('${this.#queueName}', '${consumer.name}')`;
    if (!(await done(consumer.seat, call))) {
      await this.consumerEnds(consumer, 'rollback');
      return;
    }
    const { subId, tick } = await session.one<{ subId: number; tick: bigint }>(
      `select s.sub_id as "subId", s.sub_last_tick as tick
         from pgq.subscription as s
         join pgq.consumer as c on c.co_id = s.sub_consumer
        where s.sub_queue = $1 and c.co_name = $2`,
      [this.#queueId, consumer.name],
    );
    expect(tick, 'a consumer begins at the newest tick').toBe(this.#model.newestTick);
    consumer.subscription = { subId, registeredAt: tick, lastTick: tick, batch: undefined, delivered: [] };
  }

  async unregister(consumer: Consumer): Promise<void> {
    if (consumer.subscription === undefined) return;
    // A registration that is not committed cannot be seen by others.
    if (consumer.transaction !== undefined && consumer.transaction.before === undefined) return;
    const { subId } = consumer.subscription;
    const call = `select pgq.unregister_consumer('${this.#queueName}', '${consumer.name}')`;
    if (!(await done(this.#seats.admin, call))) return;
    await this.consumerEnds(consumer, 'rollback');
    consumer.subscription = undefined;
    for (const [key, { owner }] of this.#model.retries) {
      if (owner === subId) this.#model.retries.delete(key);
    }
  }

  async consumerBegins(consumer: Consumer): Promise<void> {
    if (consumer.transaction !== undefined) return;
    await consumer.seat.session.execute('begin');
    consumer.transaction = { before: consumer.subscription, retries: [] };
  }

  async consumerEnds(consumer: Consumer, how: 'commit' | 'rollback'): Promise<void> {
    if (consumer.transaction === undefined) return;
    await consumer.seat.session.execute(how);
    this.#consumerEnded(consumer, how);
  }

  async cutConsumer(consumer: Consumer): Promise<void> {
    if (consumer.subscription === undefined) return;
    await consumer.seat.cut();
    this.#consumerEnded(consumer, 'rollback');
  }

  async openBatch(consumer: Consumer): Promise<boolean> {
    const { subscription } = consumer;
    if (subscription === undefined) return false;
    const row = await this.#nextBatch(consumer);
    const nextTick = subscription.batch?.nextTick ?? this.#model.nextTick(subscription.lastTick);
    expect(row, `the batch of ${consumer.name}`).toEqual({
      id: nextTick === undefined ? null : (subscription.batch?.id ?? expect.any(BigInt)),
      prev: nextTick === undefined ? null : subscription.lastTick,
      next: nextTick ?? null,
    });
    if (row.id === null || nextTick === undefined) return false;
    consumer.subscription = { ...subscription, batch: { id: row.id, nextTick } };
    return true;
  }

  async readBatch(consumer: Consumer): Promise<void> {
    const batch = consumer.subscription?.batch;
    if (batch === undefined) return;
    this.#check(consumer, await this.#readEvents(consumer, batch.id));
  }

  async retry(consumer: Consumer, nr: number): Promise<void> {
    if (!(await this.openBatch(consumer))) return;
    const { subscription } = consumer;
    if (subscription?.batch === undefined) return;
    const all = this.#expected(subscription);
    const again = all.filter((event) => event.retry > 0);
    const events = again.length > 0 && nr % 2 === 0 ? again : all;
    if (events.length === 0) return;
    const { id } = at(events, nr);
    const { session } = consumer.seat;
    const key = `${subscription.subId} ${id}`;
    const isAsked =
      this.#model.retries.has(key) || consumer.transaction?.retries.some((row) => row.id === id) === true;
    const { count } = await session.one<{ count: number }>(
      "select pgq.event_retry($1, $2, now() - interval '1 hour') as count",
      [subscription.batch.id, id],
    );
    expect(count, 'an event can be asked for once at a time').toBe(isAsked ? 0 : 1);
    if (isAsked) return;
    const asked = await session.one<{ data: string; retry: number }>(
      'select ev_data as data, ev_retry as retry from pgq.retry_queue where ev_owner = $1 and ev_id = $2',
      [subscription.subId, id],
    );
    // The same event may be there twice, when it was put back while its batch was open.
    const same = all.filter((event) => event.id === id && event.data === asked.data);
    expect(same.map(({ retry }) => retry + 1)).toContain(asked.retry);
    const row = { ...at(same, 0), retry: asked.retry, owner: subscription.subId };
    if (consumer.transaction !== undefined) consumer.transaction.retries.push(row);
    else this.#model.retries.set(key, row);
  }

  async finishBatch(consumer: Consumer): Promise<void> {
    const batch = consumer.subscription?.batch;
    if (batch === undefined) return;
    const events = await this.#readEvents(consumer, batch.id);
    this.#check(consumer, events);
    const { count } = await consumer.seat.session.one<{ count: number }>(
      'select pgq.finish_batch($1) as count',
      [batch.id],
    );
    expect(count, 'an open batch is closed').toBe(1);
    this.#finished(consumer, events);
  }

  async readWholeBatch(consumer: Consumer): Promise<boolean> {
    const isOpen = await this.openBatch(consumer);
    if (isOpen) await this.finishBatch(consumer);
    return isOpen;
  }

  /** Starts a lot at once. What each tick has seen is known afterwards, so batches are checked then. */
  async atTheSameTime(bits: number): Promise<void> {
    const read: (() => void)[] = [];
    const work: Promise<unknown>[] = [];
    for (const ticker of this.#tickers) {
      if (ticker.transaction === undefined) work.push(this.#tickRepeatedly(ticker));
    }
    for (const [i, writer] of this.#writers.entries()) {
      if ((bits >> i) % 2 === 0) continue;
      work.push(writer.frames === undefined ? this.#writeRepeatedly(writer) : this.end(writer, 'commit'));
    }
    for (const consumer of this.#consumers.slice(0, 2)) {
      if (consumer.subscription !== undefined && consumer.transaction === undefined) {
        work.push(this.#readAtTheSameTime(consumer, read));
      }
    }
    if (bits >= 16) work.push(this.rotate().then(() => this.rotateSecond()));
    if (bits % 3 === 0) work.push(this.#putBackOnce());
    await Promise.all(work);
    await this.#notePutBack();
    await this.#learnTicks();
    for (const check of read) check();
  }

  async #tickRepeatedly(ticker: Ticker): Promise<void> {
    for (let i = 0; i < 3; i++) await ticker.seat.session.query('select pgq.ticker($1)', [this.#queueName]);
  }

  async #writeRepeatedly(writer: Writer): Promise<void> {
    for (let i = 0; i < 3; i++) await this.write(writer, 1);
  }

  async #putBackOnce(): Promise<void> {
    const { count, txid } = await this.#seats.admin.session.one<{ count: number; txid: bigint }>(
      'select pgq.maint_retry_events() as count, txid_current() as txid',
    );
    if (count > 0) this.#putBackTxids.push(txid);
  }

  async #readAtTheSameTime(consumer: Consumer, read: (() => void)[]): Promise<void> {
    for (let i = 0; i < 2; i++) {
      const { id, prev, next } = await this.#nextBatch(consumer);
      if (id === null || next === null) return;
      const events = await this.#readEvents(consumer, id);
      await consumer.seat.session.query('select pgq.finish_batch($1)', [id]);
      read.push(() => {
        const { subscription } = consumer;
        if (subscription === undefined) throw new Error(`${consumer.name} is not registered.`);
        expect(prev, 'the tick at which a batch begins').toBe(subscription.lastTick);
        expect(next, 'the tick at which a batch ends').toBe(
          subscription.batch?.nextTick ?? this.#model.nextTick(subscription.lastTick),
        );
        consumer.subscription = { ...subscription, batch: { id, nextTick: next } };
        this.#check(consumer, events);
        this.#finished(consumer, events);
      });
    }
  }

  #nextBatch(consumer: Consumer) {
    return consumer.seat.session.one<{ id: bigint | null; prev: bigint | null; next: bigint | null }>(
      'select batch_id as id, prev_tick_id as prev, cur_tick_id as next from pgq.next_batch_info($1, $2)',
      [this.#queueName, consumer.name],
    );
  }

  #readEvents(consumer: Consumer, batch: bigint) {
    return consumer.seat.session.query<Delivered & Row>(
      'select ev_id as id, ev_data as data, coalesce(ev_retry, 0) as retry from pgq.get_batch_events($1)',
      [batch],
    );
  }

  #check({ name, subscription }: Consumer, events: readonly Delivered[]) {
    if (subscription === undefined) return;
    const ids = events.map(({ id }) => id);
    expect(ids, `ids of a batch of ${name} in order`).toEqual(
      ids.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
    );
    expect(sortedTexts(events), `a batch of ${name}`).toEqual(sortedTexts(this.#expected(subscription)));
  }

  #expected({ lastTick, batch, subId }: Subscription): EventRow[] {
    return batch === undefined ? [] : this.#model.between(lastTick, batch.nextTick, subId);
  }

  #finished(consumer: Consumer, events: readonly Delivered[]): void {
    const { subscription } = consumer;
    if (subscription?.batch === undefined) return;
    consumer.subscription = {
      ...subscription,
      lastTick: subscription.batch.nextTick,
      batch: undefined,
      delivered: [...subscription.delivered, ...events],
    };
  }

  #consumerEnded(consumer: Consumer, how: 'commit' | 'rollback'): void {
    const { transaction } = consumer;
    if (transaction === undefined) return;
    if (how === 'rollback') consumer.subscription = transaction.before;
    else for (const row of transaction.retries) this.#model.retries.set(`${row.owner} ${row.id}`, row);
    consumer.transaction = undefined;
  }
}

/** Runs a statement; false when it would have had to wait for a lock. A transaction that is open has failed then. */
async function done({ session }: Seat, sql: string): Promise<boolean> {
  try {
    await session.execute(`set lock_timeout = '40ms'; ${sql}; set lock_timeout = '${LOCK_TIMEOUT}'`);
    return true;
  } catch (error) {
    if (sqlstateOf(error) !== SQLSTATE.lockNotAvailable) throw error;
    return false;
  }
}

function at<T>(list: readonly T[], nr: number): T {
  const found = list[nr % list.length];
  if (found === undefined) throw new Error('The list is empty.');
  return found;
}
