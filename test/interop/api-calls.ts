/** A statement that is run on the stock extension and on ours, in this order, in one session each. */
export interface ApiCall {
  readonly sql: string;
  /** Why the answers differ on purpose; ARCHITECTURE.md lists the reasons. */
  readonly differs?: string;
}

const TEXTS = ['null', "''", "'nowhere'", "'Q'"];
const BATCHES = ['null', '-1', '0', '999999'];

/** A call with each of the values in place of `?`. */
function each(template: string, values: readonly string[]): string[] {
  return values.map((value) => template.replace('?', value));
}

const INFO = `queue_name, queue_ntables, queue_cur_table, queue_rotation_period::text, queue_external_ticker, queue_ticker_paused,
  queue_ticker_max_count, queue_ticker_max_lag::text, queue_ticker_idle_period::text, ticker_lag is null as lag, ev_per_sec is null as speed,
  ev_new, last_tick_id`;
const CONSUMER =
  'queue_name, consumer_name, lag is null as no_lag, last_seen is null as unseen, last_tick, current_batch, next_tick, pending_events';
const EVENT =
  'ev_id, ev_time is null as no_time, ev_txid is null as no_txid, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4';
const BATCH = `queue_name, consumer_name, batch_start is null as no_start, batch_end is null as no_end, prev_tick_id, tick_id, lag is null as no_lag,
  seq_start, seq_end`;
const NEXT = `batch_id, cur_tick_id, prev_tick_id, cur_tick_time is null as no_cur, prev_tick_time is null as no_prev, cur_tick_event_seq,
  prev_tick_event_seq`;
const ONE_EVENT = "pgq.insert_event('q', 't', 'd')";

const NO_TIME =
  "select pgq.event_retry_raw('q', 'c', now() - interval '1 hour', null, null, null, 't', 'raw retry', null, null, null, null)";

const LIMIT_AFTER_ROLLBACK = "select pgq.insert_event('limited', 't', 'after') is null as refused";

const SUBSCRIPTION_INDEXES =
  "select indexname, indexdef from pg_indexes where schemaname = 'pgq' and tablename ~ '^subscription' order by 1";

const RAW = [
  // What there is.
  `select p.proname, pg_get_function_identity_arguments(p.oid) as arguments, pg_get_function_result(p.oid) as result, p.proretset,
          p.pronargdefaults
     from pg_proc as p where p.pronamespace = 'pgq'::regnamespace and p.proname !~ '^_'
    order by 1, 2`,
  `select c.relname, a.attname, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull, pg_get_expr(d.adbin, d.adrelid) as value
     from pg_class as c
     join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
     left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relnamespace = 'pgq'::regnamespace and c.relkind = 'r' and c.relname <> 'subscription_key'
    order by c.relname, a.attnum`,
  `select conrelid::regclass::text, conname, pg_get_constraintdef(oid) as text from pg_constraint
    where connamespace = 'pgq'::regnamespace and contype <> 'n' and conname !~ '^subscription' order by 1, 2`,
  "select indexname, indexdef from pg_indexes where schemaname = 'pgq' and indexname !~ '^subscription' order by 1",
  SUBSCRIPTION_INDEXES,
  'select * from pgq.get_queue_info()',
  'select * from pgq.get_consumer_info()',
  'select * from pgq.maint_operations()',
  'select pgq.ticker()',
  'select pgq.maint_retry_events()',
  'select pgq.maint_rotate_tables_step2()',

  // Queues.
  ...each('select pgq.create_queue(?)', ['null', "'q'", "'q'", "'Other.Queue'", "''", "'x y'"]),
  ...each('select pgq.drop_queue(?)', ["'x y'", "''", 'null', "'nowhere'"]),
  ...each('select pgq.drop_queue(?, true)', ['null', "'nowhere'"]),
  ...each('select pgq.drop_queue(?, null)', ['null', "'nowhere'"]),
  'select queue_id, queue_name, queue_data_pfx, queue_event_seq, queue_tick_seq from pgq.queue order by 1',
  `select ${INFO} from pgq.get_queue_info()`,
  ...each(`select ${INFO} from pgq.get_queue_info(?)`, ["'q'", ...TEXTS]),
  "select attname, attnotnull from pg_attribute where attrelid = 'pgq.event_1_0'::regclass and attnum > 0 order by attnum",
  "select relname, reloptions from pg_class where relname ~ '^event_1' and relkind = 'r' order by 1",
  "select indexdef from pg_indexes where tablename = 'event_1_0'",
  ...['ticker_max_count', 'ticker_max_lag', 'ticker_idle_period', 'rotation_period'].flatMap((parameter) => [
    `select pgq.set_queue_config('q', '${parameter}', ${parameter === 'ticker_max_count' ? "'10'" : "'0'"})`,
    `select pgq.set_queue_config('q', '${parameter}', 'x')`,
    `select pgq.set_queue_config('q', 'queue_${parameter}', '1')`,
  ]),
  ...['ticker_paused', 'external_ticker'].flatMap((parameter) => [
    `select pgq.set_queue_config('q', '${parameter}', 'true')`,
    `select pgq.set_queue_config('q', '${parameter}', 'f')`,
    `select pgq.set_queue_config('q', '${parameter}', 'maybe')`,
    `select pgq.set_queue_config('q', '${parameter}', null)`,
  ]),
  ...each("select pgq.set_queue_config(?, 'ticker_paused', '0')", TEXTS),
  ...each("select pgq.set_queue_config('q', ?, '0')", [
    'null',
    "''",
    "'name'",
    "'ntables'",
    "'TICKER_PAUSED'",
  ]),
  "select pgq.set_queue_config('nowhere', 'name', 'x')",
  "select pgq.set_queue_config('q', 'disable_insert', 'true')",
  "select pgq.set_queue_config('q', 'per_tx_limit', '2')",
  "select pgq.set_queue_config('q', 'extra_maint', '{public.a,b}')",
  "update pgq.queue set queue_disable_insert = false, queue_per_tx_limit = null, queue_extra_maint = null where queue_name = 'q'",
  `select ${INFO} from pgq.get_queue_info('q')`,

  // Consumers.
  ...each("select pgq.register_consumer(?, 'c')", ["'q'", "'q'", ...TEXTS]),
  ...each("select pgq.register_consumer('q', ?)", ['null', "''", "'d'", "'e'"]),
  ...each("select pgq.register_consumer_at('q', 'at', ?)", ['1', '1', '99', '0', 'null', '-1']),
  ...each("select pgq.register_consumer_at(?, 'at', 1)", TEXTS),
  "select pgq.register_consumer_at('q', null, 1)",
  `select ${CONSUMER} from pgq.get_consumer_info()`,
  ...each(`select ${CONSUMER} from pgq.get_consumer_info(?)`, ["'q'", ...TEXTS]),
  ...each(`select ${CONSUMER} from pgq.get_consumer_info('q', ?)`, ["'c'", 'null', "'x'"]),
  `select ${CONSUMER} from pgq.get_consumer_info(null, 'c')`,
  ...each("select pgq.unregister_consumer('q', ?)", ["'e'", "'e'", 'null', "'x'"]),
  ...each("select pgq.unregister_consumer(?, 'c')", TEXTS),
  "select pgq.drop_queue('q')",
  "select pgq.drop_queue('q', null)",

  // Events.
  `select ${ONE_EVENT}`,
  `select ${ONE_EVENT}`,
  "select pgq.insert_event('q', 't', 'd', '1', '2', '3', '4')",
  "select pgq.insert_event('q', null, null, null, null, null, null)",
  ...each("select pgq.insert_event(?, 't', 'd')", TEXTS),
  ...each("select pgq.insert_event(?, 't', 'd', null, null, null, null)", TEXTS),
  "select pgq.insert_event_raw('q', 77, '2020-01-01', null, 3, 't', 'raw', null, null, null, null)",
  "select pgq.insert_event_raw('q', null, null, null, null, 't', 'raw', null, null, null, null)",
  ...each("select pgq.insert_event_raw(?, null, null, null, null, 't', 'd', null, null, null, null)", TEXTS),
  ...each('select pgq.current_event_table(?)', ["'q'", ...TEXTS]),
  "update pgq.queue set queue_disable_insert = true where queue_name = 'q'",
  `select ${ONE_EVENT}`,
  "select pgq.current_event_table('q')",
  "set session_replication_role = 'replica'",
  `select ${ONE_EVENT}`,
  "select pgq.current_event_table('q')",
  "set session_replication_role = 'local'",
  `select ${ONE_EVENT}`,
  "select pgq.current_event_table('q')",
  'reset session_replication_role',
  "update pgq.queue set queue_disable_insert = false, queue_per_tx_limit = 2 where queue_name = 'q'",
  `select ${ONE_EVENT}`,
  `select ${ONE_EVENT}, ${ONE_EVENT}`,
  `select ${ONE_EVENT}, ${ONE_EVENT}, ${ONE_EVENT}`,
  "update pgq.queue set queue_per_tx_limit = 0 where queue_name = 'q'",
  `select ${ONE_EVENT}`,
  "update pgq.queue set queue_per_tx_limit = null where queue_name = 'q'",
  `select ${ONE_EVENT}`,
  'select ev_id, ev_owner, ev_retry, ev_type, ev_data, ev_extra4 from pgq.event_1 order by ev_id',

  // Ticks.
  ...each('select pgq.ticker(?)', ["'q'", ...TEXTS]),
  'select pgq.ticker()',
  "select pgq.set_queue_config('q', 'ticker_paused', 'true')",
  "select pgq.ticker('q')",
  "select pgq.force_tick('q')",
  "select pgq.ticker('q', 100, now(), 1000)",
  "select pgq.set_queue_config('q', 'external_ticker', 'true')",
  "select pgq.ticker('q')",
  "select pgq.ticker('q', 100, now(), 1000)",
  "select pgq.set_queue_config('q', 'ticker_paused', 'false')",
  "select pgq.ticker('q')",
  "select pgq.ticker('q', 100, now(), 1000)",
  "select pgq.ticker('q', 100, now(), 1000)",
  "select pgq.ticker('q', 50, now(), 10)",
  "select pgq.ticker('q', null, now(), 10)",
  "select pgq.ticker('q', 101, null, 1001)",
  "select pgq.ticker('q', 102, now(), null)",
  ...each('select pgq.ticker(?, 103, now(), 1001)', TEXTS),
  "select pgq.force_tick('q')",
  "select pgq.set_queue_config('q', 'external_ticker', 'false')",
  ...each('select pgq.force_tick(?)', ["'q'", ...TEXTS]),
  "select pgq.ticker('q')",
  'select tick_queue, tick_id, tick_event_seq from pgq.tick order by 1, 2',
  ...each('select pgq.seq_getval(?)', [
    "'pgq.event_1_id_seq'",
    'null',
    "'pgq.nowhere'",
    "'event_1_id_seq'",
    "''",
  ]),
  ...each("select pgq.seq_setval('pgq.event_1_tick_seq', ?)", ['200', '5', 'null', '-1']),
  ...each('select pgq.seq_setval(?, 7)', ['null', "'pgq.nowhere'"]),

  // Batches.
  ...each("select pgq.next_batch('q', ?)", ["'c'", "'c'", 'null', "'x'", "''"]),
  ...each("select pgq.next_batch(?, 'c')", TEXTS),
  ...each(`select ${NEXT} from pgq.next_batch_info('q', ?)`, ["'c'", "'d'", 'null', "'x'"]),
  ...each(`select ${NEXT} from pgq.next_batch_info(?, 'c')`, TEXTS),
  `select ${EVENT} from pgq.get_batch_events(1)`,
  `select ${EVENT} from pgq.get_batch_events(2)`,
  ...each(`select ${EVENT} from pgq.get_batch_events(?)`, BATCHES),
  'select * from pgq.batch_event_tables(1)',
  ...each('select * from pgq.batch_event_tables(?)', BATCHES),
  ...each('select pgq.batch_event_sql(?)', BATCHES),
  `select ${BATCH} from pgq.get_batch_info(1)`,
  ...each(`select ${BATCH} from pgq.get_batch_info(?)`, BATCHES),
  "select pgq.register_consumer_at('q', 'd', 1)",
  `select ${CONSUMER} from pgq.get_consumer_info('q', 'd')`,
  "select pgq.event_retry(1, 1, '2000-01-01'::timestamptz)",
  "select pgq.event_retry(1, 1, '2000-01-01'::timestamptz)",
  'select pgq.event_retry(1, 2, 0)',
  'select pgq.event_retry(1, 424242, 0)',
  'select pgq.event_retry(1, null, 0)',
  'select pgq.event_retry(1, 3, null::int4)',
  'select pgq.event_retry(1, 3, null::timestamptz)',
  ...each('select pgq.event_retry(?, 1, 0)', BATCHES),
  ...each('select pgq.batch_retry(?, 0)', BATCHES),
  'select pgq.batch_retry(1, null)',
  'select ev_queue, ev_id, ev_owner, ev_retry, ev_txid, ev_type, ev_data from pgq.retry_queue order by 1, 2',
  'select pgq.batch_retry(1, 0)',
  'select pgq.batch_retry(1, 0)',
  'select pgq.maint_retry_events()',
  'select pgq.maint_retry_events()',
  ...each('select pgq.finish_batch(?)', ['1', '1', ...BATCHES]),
  "select pgq.ticker('q')",
  "select pgq.next_batch('q', 'c')",
  "select pgq.next_batch('q', 'c')",
  `select ${CONSUMER} from pgq.get_consumer_info('q')`,
  "select pgq.event_retry_raw('q', 'c', now() - interval '1 hour', 5, now(), 2, 't', 'raw retry', null, null, null, null)",
  "select pgq.event_retry_raw('q', 'c', now() - interval '1 hour', 5, now(), 2, 't', 'raw retry', null, null, null, null)",
  NO_TIME,
  "select pgq.event_retry_raw('q', 'x', now(), null, now(), null, 't', 'd', null, null, null, null)",
  "select pgq.event_retry_raw('nowhere', 'c', now(), null, now(), null, 't', 'd', null, null, null, null)",
  'select pgq.event_retry_raw(null, null, null, null, null, null, null, null, null, null, null, null)',
  'delete from pgq.retry_queue where ev_id > 1000',
  'select ev_queue, ev_id, ev_owner, ev_retry, ev_txid, ev_type, ev_data from pgq.retry_queue order by 1, 2',

  // Cursors.
  'begin',
  `select ${EVENT} from pgq.get_batch_cursor(3, 'cur', 2)`,
  'select ev_id, ev_data from (select 1) as x, lateral (select 1 as ev_id, 2 as ev_data) as y',
  'fetch 100 from cur',
  'fetch 100 from cur',
  'close cur',
  `select ${EVENT} from pgq.get_batch_cursor(3, 'cur2', 100, 'ev_id > 2')`,
  'fetch 10 from cur2',
  'commit',
  ...[
    "3, 'cur', 0",
    "3, 'cur', -1",
    "3, 'cur', null",
    '3, null, 10',
    "null, 'cur', 10",
    "999, 'cur', 10",
    "3, 'cur', 10, null",
    "3, 'cur', 10, ''",
    "3, 'cur', 10, 'nonsense'",
    "3, 'cur', 10, 'false'",
  ].map((values) => `select ${EVENT} from pgq.get_batch_cursor(${values})`),

  // Batches with limits.
  'select pgq.finish_batch(3)',
  'select pgq.finish_batch(4)',
  ...[
    "'q', 'at', '1 day', null, null",
    "'q', 'at', null, 1000000, null",
    "'q', 'at', null, null, '1 day'",
    "'q', 'at', null, 1, null",
    "'q', 'at', null, 1, null",
    "'q', 'd', null, 1000000, '0'",
    "'q', 'd', '0', 1, '0'",
    "null, 'd', null, null, null",
    "'q', null, null, null, null",
    "'nowhere', 'd', null, null, null",
  ].map((values) => `select ${NEXT} from pgq.next_batch_custom(${values})`),
  `select next_tick_id, next_tick_seq from pgq.find_tick_helper(1, 1, now() - interval '1 hour', 1, 1, '1 second')`,
  `select next_tick_id, next_tick_seq from pgq.find_tick_helper(1, 1, now(), 1, 100000000, '1 day')`,
  'select next_tick_id, next_tick_seq from pgq.find_tick_helper(null, null, null, null, null, null)',
  'select next_tick_id, next_tick_seq from pgq.find_tick_helper(99, 1, now(), 1, 1, null)',

  // Maintenance.
  "select pgq.set_queue_config('q', 'rotation_period', '0 seconds')",
  "select * from pgq.maint_operations() where func_name <> 'vacuum'",
  "select pgq.unregister_consumer('q', 'at')",
  "select pgq.unregister_consumer('q', 'd')",
  "select pgq.maint_rotate_tables_step1('q')",
  "select queue_cur_table, queue_switch_step2 is null as pending from pgq.queue where queue_name = 'q'",
  "select pgq.maint_rotate_tables_step1('q')",
  "select * from pgq.maint_operations() where func_name <> 'vacuum'",
  'select pgq.maint_rotate_tables_step2()',
  'select pgq.maint_rotate_tables_step2()',
  ...each('select pgq.maint_rotate_tables_step1(?)', TEXTS),
  "select queue_cur_table, queue_switch_step2 is null as pending from pgq.queue where queue_name = 'q'",
  'select tick_queue, tick_id from pgq.tick order by 1, 2',
  "update pgq.queue set queue_extra_maint = array['public.a', 'b'] where queue_name = 'q'",
  "select * from pgq.maint_operations() where func_name <> 'vacuum'",
  'select * from pgq.maint_tables_to_vacuum()',
  ...each('select pgq.quote_fqname(?)', ["'a'", "'a.b'", "'A.b.C'", "'x y.select'", 'null', "''", "'.'"]),
  ...each('select pgq.grant_perms(?)', ["'q'", ...TEXTS]),
  ...each('select pgq.tune_storage(?)', ["'q'", ...TEXTS]),
  'select pgq.upgrade_schema()',
  // All but the sequence that only our queues have: which event table is open.
  `select c.relname, a.grantee::regrole::text, a.privilege_type from pg_class as c, aclexplode(c.relacl) as a
    where c.relname ~ '^event_(1|template)' and c.relname !~ '_open_seq$' and c.relkind in ('r', 'S')
      and a.grantee <> c.relowner order by 1, 2, 3`,

  // What ours does otherwise.
  "select pgq.create_queue('limited')",
  "update pgq.queue set queue_per_tx_limit = 1 where queue_name = 'limited'",
  'begin',
  'savepoint s',
  "select pgq.insert_event('limited', 't', 'before') is null as refused",
  'rollback to s',
  LIMIT_AFTER_ROLLBACK,
  'rollback',
  "select pgq.drop_queue('limited')",

  // The end.
  "select pgq.drop_queue('q')",
  "select pgq.drop_queue('q', true)",
  "select pgq.drop_queue('q', true)",
  "select pgq.insert_event('q', 't', 'd')",
  'select * from pgq.consumer order by 1',
  'select sub_queue, sub_consumer from pgq.subscription',
  'select count(*) from pgq.retry_queue',
  "select relname from pg_class where relname ~ '^event_1'",
  "select pgq.drop_queue('Other.Queue')",
];

/** The calls whose answers differ on purpose, with the reason. */
const DIFFERENT: Readonly<Record<string, string>> = {
  "select pgq.set_queue_config('q', 'ticker_paused', null)": 'the message names the column',
  "select pgq.set_queue_config('q', 'external_ticker', null)": 'the message names the column',
  "select pgq.set_queue_config('q', 'disable_insert', 'true')": 'may be set',
  "select pgq.set_queue_config('q', 'per_tx_limit', '2')": 'may be set',
  "select pgq.set_queue_config('q', 'extra_maint', '{public.a,b}')": 'may be set',
  [SUBSCRIPTION_INDEXES]: 'indexes that a held snapshot does not slow; the key is on a table of its own',
  [NO_TIME]: 'a missing time is the time of the call',
  [LIMIT_AFTER_ROLLBACK]: 'a savepoint that is rolled back gives back its events',
};

export const API_CALLS: readonly ApiCall[] = RAW.map((sql) => {
  const differs = DIFFERENT[sql];
  return differs === undefined ? { sql } : { sql, differs };
});
