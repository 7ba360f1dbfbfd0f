import type { ConfigurationOf, KeyDeclaration } from './key.js';
import type { ConfigSchema } from './load-config.js';

const KEYS = [
  {
    name: 'job_name',
    type: 'text',
    default: '%(ini_name)s',
    sentence:
      'Name of this worker in logs and processes; by default the name of the ini file without ".ini".',
  },
  {
    name: 'db',
    type: 'conninfo',
    required: true,
    example: 'host=127.0.0.1 port=5432 dbname=myapp user=postgres',
    sentence: 'Connect string of the database of this node.',
  },
  {
    name: 'queue_name',
    aliases: ['pgq_queue_name'],
    type: 'text',
    required: true,
    example: 'myapp',
    sentence: 'Name of the queue, the same on every node of the cascade.',
  },
  {
    name: 'consumer_name',
    aliases: ['pgq_consumer_id'],
    type: 'text',
    default: '%(job_name)s',
    sentence: 'Name under which the worker of this node is registered on its provider.',
  },
  {
    name: 'logfile',
    type: 'path',
    example: '/var/log/pgcascade/%(job_name)s.log',
    sentence: 'File for log lines in JSON; opened anew on --reload. Needed with -d.',
  },
  {
    name: 'pidfile',
    type: 'path',
    example: '/run/pgcascade/%(job_name)s.pid',
    sentence: 'File with the process id of the running worker; it is also the lock. Needed with -d.',
  },
  {
    name: 'node_name',
    type: 'text',
    example: 'node1',
    sentence: 'Name of this node, for create-root, create-branch and create-leaf without a name.',
  },
  {
    name: 'public_node_location',
    type: 'conninfo',
    example: 'host=db1.example.org port=5432 dbname=myapp user=postgres',
    sentence: 'Connect string under which other nodes reach this node, for create-* without one.',
  },
  {
    name: 'initial_provider_location',
    type: 'conninfo',
    example: 'host=db0.example.org port=5432 dbname=myapp user=postgres',
    sentence: 'Connect string of the provider, for create-branch and create-leaf without --provider.',
  },
  {
    name: 'loop_delay',
    type: 'seconds',
    default: '1',
    minimum: 0,
    sentence: 'Longest pause before the worker looks for the next batch; a tick wakes it earlier.',
  },
  {
    name: 'exception_sleep',
    type: 'seconds',
    default: '20',
    minimum: 0,
    sentence: 'Longest pause before the worker tries again after an error.',
  },
  {
    name: 'parallel_copies',
    type: 'count',
    default: '4',
    minimum: 1,
    sentence: 'How many tables, or ranges of a large one, are copied at the same time.',
  },
  {
    name: 'copy_split_size',
    type: 'bytes',
    default: '64MB',
    minimum: 65_536,
    sentence:
      'A table that is larger is copied in ranges of about this size: several at a time, and a range that is here is not copied again.',
  },
  {
    name: 'copy_rate_limit',
    type: 'bytes',
    default: '0',
    minimum: 0,
    sentence:
      'How much all copies of this node together may read from the provider in a second; 0: no limit.',
  },
  {
    name: 'copy_lag_limit',
    type: 'seconds',
    default: '30',
    minimum: 0,
    sentence:
      'Copies read only a trickle while a standby or a subscriber of the provider is by so much further behind than when they began (where the role may see it: pg_monitor); 0: they do not look.',
  },
  {
    name: 'copy_latency_limit',
    type: 'seconds',
    default: '2',
    minimum: 0,
    sentence:
      'The same while the provider takes longer than that for a small statement; 0: they do not look.',
  },
  {
    name: 'copy_maintenance_work_mem',
    type: 'text',
    example: '1GB',
    sentence:
      "maintenance_work_mem of the sessions that build indexes after a copy in ranges, instead of the server's.",
  },
  {
    name: 'lock_timeout',
    type: 'seconds',
    default: '10',
    minimum: 0,
    sentence:
      "How long a command waits for the lock of a table before it lets the application's statements pass, and for any other lock before it gives up.",
  },
  {
    name: 'local_wm_publish_period',
    type: 'seconds',
    default: '300',
    minimum: 0,
    sentence:
      'How often a branch or leaf tells its provider the lowest tick that it and the nodes below have completed.',
  },
  {
    name: 'global_wm_publish_period',
    type: 'seconds',
    default: '300',
    minimum: 0,
    sentence: 'How often the root sends the lowest completed tick of the whole cascade down the queue.',
  },
  {
    name: 'seq_margin',
    type: 'count',
    default: '10000',
    minimum: 10_000,
    sentence:
      'How many values the sequences on other nodes are ahead of the root at least, and three times as many at most. As many may be given out within the lag: takeover --dead-root goes on from there. A takeover of a live root goes on exactly.',
  },
  {
    name: 'keepalive_stats',
    type: 'seconds',
    default: '300',
    minimum: 1,
    sentence: 'How often an idle worker writes a statistics line all the same.',
  },
  {
    name: 'max_block_rows',
    type: 'count',
    default: '4000',
    minimum: 1,
    sentence: 'Most events that are read and applied at a time; a batch may be any size.',
  },
  {
    name: 'max_block_bytes',
    type: 'bytes',
    default: '512kB',
    minimum: 1024,
    sentence: 'Most bytes of events that are read and applied at a time.',
  },
  {
    name: 'bulk_rows',
    type: 'count',
    default: '50',
    minimum: 1,
    sentence:
      'From how many rows of one table and kind on they are written by COPY and from arrays, which the server reads faster than JSON.',
  },
  {
    name: 'snapshot_max_age',
    type: 'seconds',
    default: '600',
    minimum: 0,
    sentence:
      'compare begins nothing more with a snapshot that is older: the other tables, and the other keys of a large table, are compared at a later tick. 0: however long it takes.',
  },
  {
    name: 'compare_sql',
    type: 'text',
    example: 'select count(1) as cnt, sum(hashtext(_COLS_::text)::bigint) as chksum from only _TABLE_',
    sentence:
      "A query whose one row compare compares instead of the rows themselves; _TABLE_ is the table's name, _COLS_ a row of its columns. Without it every row is compared exactly.",
  },
  {
    name: 'compare_fmt',
    type: 'text',
    example: '%%(cnt)d rows, checksum=%%(chksum)s',
    sentence: 'How compare prints the result of compare_sql.',
  },
  {
    name: 'conflict',
    type: 'choice',
    choices: ['park', 'stop', 'ignore-missing'],
    default: 'park',
    sentence:
      'What the worker does when an event of a table cannot be applied: park sets the table aside, stop ends the worker, ignore-missing leaves out changes of rows that are not here and parks on all else. "change-table --conflict" says it for one table.',
  },
  {
    name: 'obfuscator_key',
    type: 'text',
    example: 'a long random text',
    sentence:
      'Secret of the handler obfuscate: without it a hash cannot be looked up. The same on all nodes.',
  },
  {
    name: 'shard_info_sql',
    type: 'text',
    example: 'select shard_nr, shard_count from partconf.conf',
    sentence:
      'Tells add-table which part of a table of the handler shard this node has: shard_nr, shard_count.',
  },
  {
    name: 'shard_hash_func',
    type: 'text',
    example: 'partconf.get_hash_raw',
    sentence:
      'Function of the key for the handler shard, the same on all servers; without it a hash of our own is taken.',
  },
] as const satisfies readonly KeyDeclaration[];

/** Keys of Londiste that are accepted without effect, so that the ini files people have go on working. */
const IGNORED_KEYS: readonly string[] = [
  'config_format',
  'connection_lifetime',
  'exception_grace',
  'exception_quiet',
  'exception_reset',
  'handler_modules',
  'local_only',
  'local_only_drop_execute',
  'local_tracking_file',
  'log_count',
  'log_size',
  'logdatefmt_console',
  'logdatefmt_console_verbose',
  'logdatefmt_file',
  'logdatefmt_file_verbose',
  'logfmt_console',
  'logfmt_console_verbose',
  'logfmt_file',
  'logfmt_file_verbose',
  'obfuscator_map',
  'pgq_autocommit',
  'pgq_batch_collect_events',
  'pgq_batch_collect_interval',
  'pgq_keep_lag',
  'pgq_lazy_fetch',
  'register_only_seqs',
  'register_only_tables',
  'register_skip_seqs',
  'register_skip_tables',
  'remote_extra_connstr',
  'skylog_locations',
  'sql_retry',
  'sql_retry_formula_a',
  'sql_retry_formula_b',
  'sql_retry_formula_cap',
  'sql_retry_max_count',
  'sql_retry_max_time',
  'subconsumer_name',
  'subconsumer_timeout',
  'table_filter',
  'threaded_copy_pool_size',
  'threaded_copy_tables',
  'use_skylog',
];

/** The ini file of `replicate`, which may also be one of Londiste. */
export const REPLICATE_SCHEMA: ConfigSchema<typeof KEYS> = {
  sections: ['replicate', 'londiste', 'londiste3'],
  keys: KEYS,
  ignoredKeys: IGNORED_KEYS,
};

/** The frozen configuration of one node: a field per key, times in milliseconds. */
export type ReplicateConfig = ConfigurationOf<typeof KEYS>;
