import type { ConfigurationOf, KeyDeclaration } from './key.js';
import type { ConfigSchema } from './load-config.js';

const KEYS = [
  {
    name: 'job_name',
    type: 'text',
    default: '%(ini_name)s',
    sentence: 'Name of this ticker in its log; by default the name of the ini file without ".ini".',
  },
  {
    name: 'logfile',
    type: 'path',
    example: '/var/log/pgcascade/ticker.log',
    sentence: 'File for log lines in JSON; opened anew on --reload. Needed with -d.',
  },
  {
    name: 'syslog',
    type: 'boolean',
    default: '0',
    sentence:
      'With 1 the log goes to the syslog of this machine too, through the program logger of util-linux.',
  },
  {
    name: 'syslog_ident',
    type: 'text',
    default: '%(job_name)s',
    sentence: 'Name under which the lines stand in the syslog.',
  },
  {
    name: 'syslog_facility',
    type: 'text',
    default: 'daemon',
    sentence: 'Facility of the syslog: daemon, user, local0 to local7, and the like.',
  },
  {
    name: 'pidfile',
    type: 'path',
    example: '/run/pgcascade/ticker.pid',
    sentence: 'File with the process id of the running ticker; it is also the lock. Needed with -d.',
  },
  {
    name: 'base_connstr',
    type: 'conninfo',
    example: 'host=127.0.0.1 port=5432 user=postgres',
    sentence: 'Connect string of the server without dbname; the environment (PGHOST, …) fills it up.',
  },
  {
    name: 'initial_database',
    type: 'text',
    default: 'template1',
    sentence: 'Database in which the databases are looked up when database_list is not set.',
  },
  {
    name: 'database_list',
    type: 'list',
    example: 'myapp, shop',
    sentence: 'Databases with queues; by default every database of the server that can be connected to.',
  },
  {
    name: 'ticker_period',
    type: 'seconds',
    default: '0.1',
    minimum: 0.01,
    sentence: 'How often pgq.ticker() is called in each database.',
  },
  {
    name: 'maint_period',
    type: 'seconds',
    default: '120',
    minimum: 0.1,
    sentence: 'How often the maintenance of the queues runs: rotation of the event tables and more.',
  },
  {
    name: 'retry_period',
    type: 'seconds',
    default: '30',
    minimum: 0.1,
    sentence: 'How often events that consumers put off are looked at.',
  },
  {
    name: 'check_period',
    type: 'seconds',
    default: '60',
    minimum: 0.1,
    sentence: 'How often databases are looked up anew, and databases without queues are looked at again.',
  },
  {
    name: 'stats_period',
    type: 'seconds',
    default: '30',
    minimum: 0.1,
    sentence: 'How often a line with the counts of ticks, maintenance calls and retried events is logged.',
  },
  {
    name: 'connection_lifetime',
    type: 'seconds',
    default: '3600',
    minimum: 1,
    sentence:
      'After this time the connection for ticks is opened anew, so that its memory on the server stays small.',
  },
] as const satisfies readonly KeyDeclaration[];

/** The ini file of `ticker`, which may also be one of pgqd. */
export const TICKER_SCHEMA: ConfigSchema<typeof KEYS> = {
  sections: ['ticker', 'pgqd'],
  keys: KEYS,
  ignoredKeys: [],
};

/** The frozen configuration of a ticker: a field per key, times in milliseconds. */
export type TickerConfig = ConfigurationOf<typeof KEYS>;
