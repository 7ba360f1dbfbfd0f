import { describe, expect, test } from 'vitest';
import { createSubscriber } from '../../src/cascade/create-subscriber.js';
import { readNodeInfo } from '../../src/cascade/node-info.js';
import { createConnect } from '../../src/db/connect.js';
import type { Connection } from '../../src/db/connection.js';
import { installSchemas } from '../../src/install/install-schemas.js';
import { readTables } from '../../src/replica/table-list.js';
import { type CommandNode, openCommandNode, openPair, QUEUE } from './command-node.js';

const OLD = 10;
const NEW = 18;

describe('create-root', () => {
  test('makes the queue, and once more changes nothing', async () => {
    await using root = await openCommandNode('root', OLD);
    expect(await root.must('create-root', ['root', root.conninfo])).toEqual([
      'Root "root" of queue "app" created.',
    ]);
    const before = await everything(root);
    expect(await root.must('create-root', ['root', root.conninfo])).toEqual([
      'Root "root" of queue "app" exists already: nothing to do.',
    ]);
    expect(await everything(root)).toEqual(before);
    expect(await root.query('select queue_name from pgq.get_queue_info()')).toEqual([{ queue_name: QUEUE }]);
  });

  test('takes name and connect string from the ini file', async () => {
    await using node = await openCommandNode('root', OLD);
    const configured = node.with({ nodeName: 'master', publicNodeLocation: node.conninfo });
    expect(await configured.must('create-root')).toEqual(['Root "master" of queue "app" created.']);
  });

  test('without a name or connect string says which one is missing', async () => {
    await using node = await openCommandNode('root', OLD);
    expect(await node.run('create-root')).toMatchObject({
      code: 'PC100',
      message: expect.stringMatching(/node_name/),
    });
    expect(await node.run('create-root', ['root'])).toMatchObject({
      code: 'PC100',
      message: expect.stringContaining('public_node_location'),
    });
  });

  test('refuses a connect string that leads to another database, unless told not to look', async () => {
    await using root = await openCommandNode('root', OLD);
    await using other = await openCommandNode('other', OLD);
    expect(await root.run('create-root', ['root', other.conninfo])).toMatchObject({ code: 'PC309' });
    await using session = await root.connect();
    expect(await readNodeInfo(session, QUEUE)).toBeUndefined();
    await root.must('create-root', ['root', other.conninfo], { nocheck: true });
  });

  test('refuses a connect string under which nobody answers', async () => {
    await using root = await openCommandNode('root', OLD);
    const outcome = await root.run('create-root', ['root', 'host=127.0.0.1 port=1 dbname=x user=postgres']);
    expect(outcome).toMatchObject({
      code: 'PC200',
      exitCode: 3,
      message: expect.stringContaining('127.0.0.1:1/x'),
    });
  });

  test('refuses another name for a database that is a node already', async () => {
    await using root = await openCommandNode('root', OLD);
    await root.must('create-root', ['root', root.conninfo]);
    expect(await root.run('create-root', ['other', root.conninfo])).toMatchObject({
      code: 'PC301',
      message: expect.stringContaining('named "root"'),
    });
  });
});

describe('create-leaf', () => {
  test('registers the leaf everywhere at the position that no node has passed', async () => {
    await using pair = await openPair(OLD, NEW);
    const [state] = await pair.leaf.query<{ last_tick_id: bigint; provider_node: string }>(
      'select last_tick_id, provider_node from pgq_node.local_state',
    );
    const [subscription] = await pair.root.query<{ last_tick: bigint }>(
      'select last_tick from pgq.get_consumer_info($1, $2)',
      [QUEUE, 'leaf_worker'],
    );
    expect(state).toEqual({ provider_node: 'root', last_tick_id: subscription?.last_tick });
    for (const node of [pair.root, pair.leaf]) {
      expect(
        await node.query('select node_name from pgq_node.get_queue_locations($1) order by 1', [QUEUE]),
      ).toEqual([{ node_name: 'leaf' }, { node_name: 'root' }]);
    }
  });

  test('once more changes nothing on either side', async () => {
    await using pair = await openPair(OLD, NEW);
    const before = [await everything(pair.root), await everything(pair.leaf)];
    const lines = await pair.leaf.must('create-leaf', ['leaf', pair.leaf.conninfo], {
      provider: pair.root.conninfo,
    });
    expect(lines).toEqual(['Leaf "leaf" of queue "app" with provider "root" exists already: nothing to do.']);
    expect([await everything(pair.root), await everything(pair.leaf)]).toEqual(before);
  });

  test('knows the tables and sequences of the root', async () => {
    await using root = await openCommandNode('root', OLD);
    await using leaf = await openCommandNode('leaf', NEW);
    await root.query('create table t (id serial primary key)');
    await root.must('create-root', ['root', root.conninfo]);
    await root.must('add-table', [], { all: true });
    await root.must('add-seq', [], { all: true });
    await leaf.must('create-leaf', ['leaf', leaf.conninfo], { provider: root.conninfo });
    expect((await leaf.must('missing')).map((line) => line.split(/ +/))).toEqual([
      ['kind', 'name'],
      ['table', 'public.t'],
      ['sequence', 'public.t_id_seq'],
    ]);
  });

  test('that is cut off after it was registered is finished by the same command', async () => {
    await using root = await openCommandNode('root', OLD);
    await using leaf = await openCommandNode('leaf', NEW);
    await root.must('create-root', ['root', root.conninfo]);
    await using local = await leaf.connect();
    await installSchemas(local);
    const cutOff = create(leaf, root, local, async () => local.destroy());
    await expect(cutOff).rejects.toMatchObject({ code: 'PC203' });
    expect(await subscribers(root)).toEqual(['leaf']);

    await leaf.must('create-leaf', ['leaf', leaf.conninfo], { provider: root.conninfo });
    expect(await subscribers(root)).toEqual(['leaf']);
    expect(await leaf.query('select node_type from pgq_node.get_node_info($1)', [QUEUE])).toEqual([
      { node_type: 'leaf' },
    ]);
  });

  test('that fails at its end keeps no events on the provider', async () => {
    await using root = await openCommandNode('root', OLD);
    await using leaf = await openCommandNode('leaf', NEW);
    await root.must('create-root', ['root', root.conninfo]);
    await using local = await leaf.connect();
    await installSchemas(local);
    const failed = create(leaf, root, local, () => Promise.reject(new Error('the disk is full')));
    await expect(failed).rejects.toThrow('the disk is full');
    expect(await subscribers(root)).toEqual([]);
    expect(await root.query("select 1 from pgq.consumer where co_name like '%leaf%'")).toEqual([]);
    expect(await readNodeInfo(local, QUEUE)).toBeUndefined();
  });

  test('refuses names that are in use', async () => {
    await using pair = await openPair(OLD, NEW);
    await using other = await openCommandNode('other', NEW);
    const provider = { provider: pair.root.conninfo };
    expect(await other.run('create-leaf', ['leaf', other.conninfo], provider)).toMatchObject({
      code: 'PC301',
    });
    const sameWorker = other.with({ consumerName: 'leaf_worker' });
    expect(await sameWorker.run('create-leaf', ['other', other.conninfo], provider)).toMatchObject({
      code: 'PC308',
      message: expect.stringContaining('"leaf"'),
    });
    expect(await pair.leaf.run('create-leaf', ['renamed', pair.leaf.conninfo], provider)).toMatchObject({
      code: 'PC301',
    });
    expect(await subscribers(pair.root)).toEqual(['leaf']);
  });

  test('refuses a provider that is not there, has no such queue, or is a leaf', async () => {
    await using pair = await openPair(OLD, NEW);
    await using other = await openCommandNode('other', NEW);
    const create = (node: CommandNode, provider: string) =>
      node.run('create-leaf', ['other', other.conninfo], { provider });
    expect(await create(other, 'host=127.0.0.1 port=1 dbname=x user=postgres')).toMatchObject({
      code: 'PC200',
      message: expect.stringContaining('The provider: '),
    });
    expect(await create(other.with({ queueName: 'nope' }), pair.root.conninfo)).toMatchObject({
      code: 'PC302',
    });
    expect(await create(other, other.conninfo)).toMatchObject({ code: 'PC302' });
    expect(await create(other, pair.leaf.conninfo)).toMatchObject({
      code: 'PC302',
      message: expect.stringMatching(/is a leaf/),
    });
    expect(await other.run('create-leaf', ['other', other.conninfo])).toMatchObject({ code: 'PC100' });
  });
});

test('install says what it did, and that there is nothing to do', async () => {
  await using node = await openCommandNode('root', OLD);
  expect((await node.must('install')).at(-1)).toMatch(
    /^Installed in .*: pgq, pgq_coop, pgq_ext, pgq_node, londiste, pgcascade\.$/,
  );
  expect(await node.must('install')).toEqual([expect.stringMatching(/^Nothing to do: /)]);
});

test('a command on a database without a node says so', async () => {
  await using node = await openCommandNode('root', OLD);
  expect(await node.run('tables')).toMatchObject({ code: 'PC300' });
  await node.must('install');
  expect(await node.run('status')).toMatchObject({ code: 'PC300' });
});

function create(
  leaf: CommandNode,
  root: CommandNode,
  local: Connection,
  fill: () => Promise<void>,
): ReturnType<typeof createSubscriber> {
  return createSubscriber(local, {
    queueName: QUEUE,
    nodeType: 'leaf',
    nodeName: 'leaf',
    workerName: 'leaf_worker',
    publicLocation: leaf.conninfo,
    checkLocation: true,
    providerLocation: root.conninfo,
    connect: createConnect(process.env),
    fill: async (tx, source) => {
      await readTables(source, QUEUE);
      await fill();
      await readTables(tx, QUEUE);
    },
  });
}

async function subscribers(node: CommandNode): Promise<string[]> {
  const rows = await node.query<{ node_name: string }>(
    'select node_name from pgq_node.get_subscriber_info($1) order by 1',
    [QUEUE],
  );
  return rows.map(({ node_name: name }) => name);
}

/** All that a create command writes. */
async function everything(node: CommandNode): Promise<unknown> {
  const [row] = await node.query(
    `select (select json_agg(t order by t)::text from pgq_node.node_location as t) as locations,
            (select json_agg(t)::text from pgq_node.node_info as t) as nodes,
            (select json_agg(t)::text from pgq_node.local_state as t) as states,
            (select json_agg(t)::text from pgq_node.subscriber_info as t) as subscribers,
            (select json_agg((c.co_name, s.sub_last_tick) order by c.co_name)::text
               from pgq.subscription as s join pgq.consumer as c on c.co_id = s.sub_consumer) as consumers,
            (select json_agg((q.queue_name, pgq.seq_getval(q.queue_event_seq)))::text from pgq.queue as q) as queues`,
  );
  return row;
}
