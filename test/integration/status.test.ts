import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WORKER_LOCK_CLASS, workerLockText } from '../../src/cascade/worker-lock-key.js';
import { createConnect } from '../../src/db/connect.js';
import { readStatus } from '../../src/observe/status.js';
import { waitUntil } from '../support/wait-until.js';
import { type CommandNode, openPair, QUEUE } from './command-node.js';

let pair: Awaited<ReturnType<typeof openPair>>;
let root: CommandNode;
let leaf: CommandNode;

beforeAll(async () => {
  pair = await openPair(13, 18);
  ({ root, leaf } = pair);
  for (const node of [root, leaf]) await node.query('create table t (id int primary key)');
  await root.must('add-table', ['t']);
  await leaf.must('add-table', ['t']);
});

afterAll(async () => {
  await pair?.[Symbol.asyncDispose]();
});

afterEach(async () => {
  await leaf.query("delete from pgq_node.node_location where node_name not in ('root', 'leaf')");
  await leaf.query(`update pgq_node.local_state set cur_error = null, paused = false, uptodate = true`);
});

/** Makes a tick on the root, as the ticker does, and returns it. */
async function tick(): Promise<bigint> {
  await root.query('select pgq.force_tick($1)', [QUEUE]);
  const [row] = await root.query<{ tick: bigint }>('select pgq.ticker($1) as tick', [QUEUE]);
  return row?.tick ?? 0n;
}

/** Says that the leaf has everything up to a tick, as its worker does. */
async function complete(tickId: bigint): Promise<void> {
  await leaf.query('select pgq_node.set_consumer_completed($1, $2, $3)', [QUEUE, 'leaf_worker', tickId]);
}

async function statusJson(exitCode = 0): Promise<Record<string, Record<string, unknown>>> {
  const outcome = await leaf.run('status', [], { json: true });
  expect(outcome.exitCode).toBe(exitCode);
  const report = JSON.parse(outcome.lines.join('\n')) as { entries: { name: string }[] };
  return Object.fromEntries(report.entries.map((entry) => [entry.name, entry]));
}

describe('status', () => {
  test('shows the tree, and a leaf without missing events without lag', async () => {
    const newest = await tick();
    await complete(newest);
    const lines = await leaf.must('status');
    expect(lines[0]).toBe('Queue: app   Local node: leaf');
    expect(lines.filter((line) => line.includes('('))).toEqual(['root (root)', '└── leaf (leaf)']);
    expect(lines).toContain(`        Lag: 0 s, tick ${newest}`);
    expect(lines).toContain('        Tables: 0 ok, 1 copying');
  });

  test('measures the lag in events and seconds', async () => {
    const before = await tick();
    await complete(before);
    await root.query('insert into t select generate_series(1, 10)');
    const { leaf: behind } = await statusJson();
    expect(behind).toMatchObject({
      tick: Number(before),
      lag: { events: 10, seconds: expect.any(Number) },
    });
    expect(behind).not.toMatchObject({ lag: { seconds: 0 } });
  });

  test('tells what the worker failed with, parked tables and that it is paused', async () => {
    await leaf.query('select pgq_node.set_consumer_error($1, $2, $3)', [
      QUEUE,
      'leaf_worker',
      'disk full\nat line 3',
    ]);
    await leaf.query('select pgq_node.set_consumer_paused($1, $2, true)', [QUEUE, 'leaf_worker']);
    await leaf.query("select pgcascade.park_table($1, 'public.t', 7, 8, 'PC402', 'A row is missing.')", [
      QUEUE,
    ]);
    const { leaf: entry } = await statusJson();
    expect(entry).toMatchObject({
      isPaused: true,
      errors: [{ consumer: 'leaf_worker', message: 'disk full' }],
      tables: { ok: 0, copying: 0, parked: 1, notHere: 0 },
      parkedTables: [
        { name: 'public.t', errorCode: 'PC402', message: 'A row is missing.', isWaiting: false },
      ],
    });
    await leaf.must('resync', ['t']);
  });

  test('is the same from every node', async () => {
    const fromRoot = await root.must('status');
    expect(fromRoot[0]).toBe('Queue: app   Local node: root');
    expect(fromRoot.filter((line) => line.includes('('))).toEqual(['root (root)', '└── leaf (leaf)']);
  });

  test('shows a node that cannot be reached, and answers 3', async () => {
    await leaf.query('select pgq_node.register_location($1, $2, $3, false)', [
      QUEUE,
      'far',
      'host=127.0.0.1 port=1 dbname=x user=postgres password=secret',
    ]);
    const outcome = await leaf.run('status');
    expect(outcome.exitCode).toBe(3);
    expect(outcome.lines.join('\n')).toMatch(/far \(UNREACHABLE\)\n.*127\.0\.0\.1:1/);
    expect(outcome.lines.join('\n')).not.toContain('secret');
    const { leaf: entry } = await statusJson(3);
    expect(entry?.['kind']).toBe('seen');
  });

  test('does not ask a node that is marked as dead, and answers 0', async () => {
    await leaf.query('select pgq_node.register_location($1, $2, $3, true)', [
      QUEUE,
      'gone',
      'host=127.0.0.1 port=1',
    ]);
    expect((await leaf.must('status')).join('\n')).toContain('gone (marked as dead)');
  });

  test('has one line per node when asked, and tells that no worker runs', async () => {
    const outcome = await leaf.run('status', [], { compact: true });
    expect(outcome.lines.slice(2)).toEqual([
      expect.stringMatching(/^root \(root\): Tables: 1 ok; Ticker: .*; ERROR: no worker is running\./),
      expect.stringMatching(/^└── leaf \(leaf\): Tables: .*; Lag: .*; ERROR: no worker is running\./),
    ]);
    expect((await statusJson())['leaf']).toMatchObject({ worker: 'none' });
  });

  test('does not wait for its own database longer than for others', async () => {
    await using blocker = await leaf.database.application();
    await blocker.execute('begin; lock table pgq_node.node_info in access exclusive mode');
    await using session = await leaf.connect();
    const reading = readStatus(session, {
      queueName: QUEUE,
      localLocation: leaf.conninfo,
      connect: createConnect(process.env),
      deadlineMs: 200,
    });
    await expect(reading).rejects.toMatchObject({ code: 'PC200' });
    await blocker.execute('rollback');
  });

  test('waits for a node that does not answer no longer than it is told', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    await leaf.query('select pgq_node.register_location($1, $2, $3, false)', [
      QUEUE,
      'silent',
      `host=127.0.0.1 port=${port} dbname=x user=postgres`,
    ]);
    await using session = await leaf.connect();
    const report = await readStatus(session, {
      queueName: QUEUE,
      localLocation: leaf.conninfo,
      connect: createConnect(process.env),
      deadlineMs: 2_000,
    });
    silent.close();
    expect(report.isComplete).toBe(false);
    expect(report.entries).toContainEqual({
      kind: 'unreachable',
      name: 'silent',
      provider: null,
      reason: 'No answer within 2 s.',
    });
  });
});

describe('node-status and node-info', () => {
  test('tell all about this node, as text and as JSON', async () => {
    const newest = await tick();
    await complete(newest);
    const text = (await leaf.must('node-status')).join('\n');
    expect(text).toContain('Node: leaf (leaf) of queue app');
    expect(text).toMatch(/Provider: root, at host=127\.0\.0\.1/);
    expect(text).toContain(`Tick: ${newest}, local watermark ${newest}`);
    expect(text).toContain(`Lag: 0 s, tick ${newest}`);
    expect(text).toContain('ERROR: no worker is running.');
    const json = JSON.parse((await leaf.must('node-status', [], { json: true })).join('\n'));
    expect(json).toMatchObject({
      name: 'leaf',
      provider: { name: 'root' },
      workerName: 'leaf_worker',
      queue: null,
      status: { lag: { seconds: 0, events: 0 }, worker: 'none', tables: { copying: 1 } },
    });
    const ofRoot = (await root.must('node-info')).join('\n');
    expect(ofRoot).toContain('Subscriber: leaf, worker leaf_worker, watermark');
    expect(ofRoot).toMatch(/Queue: table 0 of 3, rotated \d+ s ago .*, takes events$/m);
  });

  test('without the root only node-info answers 0', async () => {
    await leaf.query(
      `update pgq_node.node_location set node_location = 'host=127.0.0.1 port=1 password=secret' where node_name = 'root'`,
    );
    const outcome = await leaf.run('node-status');
    expect(outcome.exitCode).toBe(3);
    expect(outcome.lines).toContainEqual(expect.stringMatching(/^Lag: not known/));
    expect((await leaf.must('node-info')).join('\n')).not.toContain('secret');
    await leaf.query(`update pgq_node.node_location set node_location = $1 where node_name = 'root'`, [
      root.conninfo,
    ]);
  });
});

describe('wait-root', () => {
  test('waits for a tick that shows what was committed when it began', async () => {
    await using writer = await root.database.application();
    await writer.execute('begin; insert into t values (100)');
    const early = await tick();
    await complete(early);
    await writer.execute('commit');

    // The early tick is newer than the insert but does not show it.
    const waiting = leaf.run('wait-root', [], { timeout: '30' });
    let isOver = false;
    void waiting.finally(() => {
      isOver = true;
    });
    await waitUntil('wait-root asks for a tick', async () => {
      const [row] = await root.query<{ new: bigint }>('select ev_new as new from pgq.get_queue_info($1)', [
        QUEUE,
      ]);
      return (row?.new ?? 0n) > 1000n;
    });
    const late = await tick();
    expect(isOver).toBe(false);
    await complete(late);
    const outcome = await waiting;
    expect(outcome).toMatchObject({ exitCode: 0 });
    expect(outcome.lines).toEqual([`Node "leaf" has reached tick ${late} of the root "root".`]);
  });

  test('tells a missing ticker from a missing worker', async () => {
    await root.query('insert into t values (101)');
    expect(await leaf.run('wait-root', [], { timeout: '0.3' })).toMatchObject({ exitCode: 3, code: 'PC307' });
    const stop = new AbortController();
    const ticking = (async () => {
      while (!stop.signal.aborted) await tick();
    })();
    const outcome = await leaf.run('wait-provider', [], { timeout: '1' });
    // With a worker at work the answer is no: it is not caught up.
    await using worker = await leaf.connect();
    await worker.query('select pg_advisory_lock($1, hashtext($2))', [
      WORKER_LOCK_CLASS,
      workerLockText(QUEUE, 'leaf_worker'),
    ]);
    const late = await leaf.run('wait-provider', [], { timeout: '1' });
    stop.abort();
    await ticking;
    expect(outcome).toMatchObject({ exitCode: 3, code: 'PC306' });
    expect(late).toMatchObject({ exitCode: 2, code: 'PC314' });
  });

  test('has nothing to wait for on the root', async () => {
    expect(await root.must('wait-root')).toEqual(['Node "root" is the root: there is nothing to wait for.']);
  });
});

describe('pause', () => {
  test('ends when the worker has seen it, and resume takes it back', async () => {
    const answering = async (verb: string) => {
      const answer = leaf.must(verb, [], { timeout: '20' });
      await waitUntil(`${verb} is recorded`, async () => {
        const [state] = await leaf.query<{ paused: boolean; uptodate: boolean }>(
          'select paused, uptodate from pgq_node.local_state',
        );
        return state?.paused === (verb === 'pause') && !state.uptodate;
      });
      await leaf.query('select pgq_node.set_consumer_uptodate($1, $2, true)', [QUEUE, 'leaf_worker']);
      return answer;
    };
    expect(await answering('pause')).toEqual(['The worker "leaf_worker" is paused.']);
    expect(await leaf.must('pause')).toEqual(['The worker "leaf_worker" is paused.']);
    expect(await answering('resume')).toEqual(['The worker "leaf_worker" goes on.']);
  });

  test('without a worker says so, and stays recorded', async () => {
    expect(await leaf.run('pause', [], { timeout: '0.2' })).toMatchObject({
      exitCode: 3,
      code: 'PC306',
      message: expect.stringContaining('stays marked as paused'),
    });
    expect((await statusJson())['leaf']).toMatchObject({ isPaused: true });
  });
});
