/**
 * Every error code of pgcascade, listed once: what the program does about it and what the operator should do.
 *
 * Our own SQL raises the same codes as SQLSTATE. Callers decide by code, never by text.
 */

/** What a running program does when it meets the error. */
export type Policy =
  /** The state of the outside world may change by itself: wait and do it again. */
  | 'retry'
  /** Only one table is concerned: set it aside, go on with the others. */
  | 'park-table'
  /** Going on could lose or double a row: stop and say so. */
  | 'stop-node'
  /** A person typed or wrote something wrong: say what and end. */
  | 'refuse'
  /** Ours to mend. */
  | 'bug';

/** The program's exit status: design section 7. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 70;

export interface ErrorEntry {
  readonly policy: Policy;
  readonly exitCode: ExitCode;
  /** One sentence for the operator: what to do next. */
  readonly advice: string;
}

export const ERRORS = {
  // 1xx: command line and configuration
  PC100: {
    policy: 'refuse',
    exitCode: 1,
    advice: 'Run the program with --help to see its commands and options.',
  },
  PC101: { policy: 'refuse', exitCode: 1, advice: 'Check the path of the ini file.' },
  PC102: {
    policy: 'refuse',
    exitCode: 1,
    advice: 'Run the program with --ini to see a complete sample file.',
  },
  PC103: {
    policy: 'refuse',
    exitCode: 1,
    advice: 'Write it as "host=… port=… dbname=… user=…" or as postgresql://user@host:port/dbname.',
  },
  PC104: {
    policy: 'refuse',
    exitCode: 1,
    advice: 'Stop the running program first (-s), or give this one another pidfile.',
  },
  PC105: {
    policy: 'refuse',
    exitCode: 1,
    advice: 'Start the program first, or check the pidfile in the ini file.',
  },
  PC106: {
    policy: 'refuse',
    exitCode: 3,
    advice: 'Look at its logfile for what it does.',
  },
  PC107: {
    policy: 'refuse',
    exitCode: 3,
    advice: 'Check the path, and that you may read or write it.',
  },

  // 2xx: servers and connections
  PC200: {
    policy: 'retry',
    exitCode: 3,
    advice: 'Check that the server runs, and the host and port of the connect string.',
  },
  PC201: {
    policy: 'refuse',
    exitCode: 1,
    advice: 'Check user and password; passwords may come from the connect string, PGPASSWORD or ~/.pgpass.',
  },
  PC202: { policy: 'refuse', exitCode: 1, advice: 'Check the database name in the connect string.' },
  PC203: {
    policy: 'retry',
    exitCode: 3,
    advice: 'The connection was lost; the work goes on when the server is back.',
  },
  PC204: {
    policy: 'stop-node',
    exitCode: 1,
    advice: 'Grant the missing right to the role of the connect string, or use the owner of the database.',
  },
  PC205: { policy: 'refuse', exitCode: 4, advice: 'pgcascade works with PostgreSQL 10 to 18.' },
  PC206: {
    policy: 'refuse',
    exitCode: 4,
    advice: 'Run "replicate INI install" with this version of pgcascade.',
  },
  PC207: {
    policy: 'refuse',
    exitCode: 4,
    advice: 'The database was installed by a newer pgcascade: use that version or a newer one.',
  },
  PC208: {
    policy: 'retry',
    exitCode: 3,
    advice: 'End the blocking transaction, or try again when it has ended.',
  },

  // 3xx: nodes of the cascade
  PC300: {
    policy: 'refuse',
    exitCode: 1,
    advice: 'Create the node first: create-root, create-branch or create-leaf.',
  },
  PC301: {
    policy: 'refuse',
    exitCode: 1,
    advice: 'Choose another node name; "status" shows the names in use.',
  },
  PC302: {
    policy: 'refuse',
    exitCode: 1,
    advice: 'Check queue_name in the ini file and the --provider connect string.',
  },
  PC303: { policy: 'refuse', exitCode: 1, advice: 'Run the command on the node that it is meant for.' },
  PC304: {
    policy: 'stop-node',
    exitCode: 1,
    advice: 'Stop the other worker of this node; only one may run.',
  },
  PC305: {
    policy: 'stop-node',
    exitCode: 3,
    advice: 'The node lost its position on its provider: restore it, or make the node anew.',
  },
  PC306: {
    policy: 'refuse',
    exitCode: 3,
    advice: 'Start the worker ("replicate -d INI worker") and look at its log.',
  },
  PC307: {
    policy: 'refuse',
    exitCode: 3,
    advice: 'Start the ticker ("ticker -d INI") on the provider and look at its log.',
  },
  PC308: {
    policy: 'refuse',
    exitCode: 1,
    advice: 'Give this node a job_name (or consumer_name) of its own in the ini file.',
  },
  PC309: {
    policy: 'refuse',
    exitCode: 1,
    advice:
      'Give the connect string under which other nodes reach the database of "db"; --nocheck skips this check.',
  },
  PC310: {
    policy: 'refuse',
    exitCode: 1,
    advice: 'The message is the answer of the database; "status" shows the state of the nodes.',
  },
  PC311: { policy: 'refuse', exitCode: 1, advice: '"members" lists the nodes of the cascade.' },
  PC312: {
    policy: 'refuse',
    exitCode: 1,
    advice: '"status" shows the tree; choose nodes between which the change is possible.',
  },
  PC313: {
    policy: 'retry',
    exitCode: 3,
    advice: 'The node goes on when its provider has caught up; look at the worker of the provider.',
  },
  PC314: {
    policy: 'refuse',
    exitCode: 2,
    advice: 'The worker is at work: wait longer, or look at "status" and its log for what holds it up.',
  },
  PC315: {
    policy: 'retry',
    exitCode: 3,
    advice:
      'It goes on when the takeover is done; when that was interrupted, run the takeover command again.',
  },

  // 4xx: tables, sequences and events
  PC400: { policy: 'refuse', exitCode: 1, advice: 'Check the name; "missing" lists what can be added.' },
  PC401: {
    policy: 'refuse',
    exitCode: 1,
    advice: 'Add it on the provider first: replicate PROVIDER.ini add-table (or add-seq) NAME.',
  },
  PC402: { policy: 'park-table', exitCode: 2, advice: 'Run "resync TABLE" to copy the table anew.' },
  PC403: {
    policy: 'park-table',
    exitCode: 2,
    advice:
      'Alter the table on the subscriber to match the provider: one that waits then goes on by itself, and nothing is lost; else run "resync TABLE".',
  },
  PC404: {
    policy: 'stop-node',
    exitCode: 3,
    advice: 'The queue holds an event that this version does not understand: update pgcascade on this node.',
  },
  PC405: { policy: 'refuse', exitCode: 1, advice: 'Add a primary key, or leave the table out.' },
  PC406: { policy: 'refuse', exitCode: 1, advice: 'Create it on this node first.' },
  PC407: {
    policy: 'retry',
    exitCode: 1,
    advice:
      'On the root: mend the script and execute it again. On another node: make the database what the script expects, its worker tries again; or make the changes by hand and run "execute --skip FILE" there.',
  },
  PC408: {
    policy: 'refuse',
    exitCode: 1,
    advice: 'Nothing was executed; change the script as the message says.',
  },
  PC409: {
    policy: 'retry',
    exitCode: 3,
    advice: 'The worker goes on when the tables are in sync; "wait-sync" shows how far they are.',
  },
  PC410: {
    policy: 'park-table',
    exitCode: 1,
    advice: '"show-handlers" lists handlers and arguments; "change-handler TABLE" gives a table another one.',
  },
  PC411: {
    policy: 'refuse',
    exitCode: 1,
    advice:
      'Say which queues feed the table: --merge-all (all of this database that have it) or --no-merge (this queue; what others feed already stays).',
  },
  PC412: {
    policy: 'stop-node',
    exitCode: 2,
    advice:
      'Make the row (the table) on this node what the event expects and start the worker again; or run "resync TABLE", or "change-table TABLE --conflict=park", before.',
  },
  PC413: {
    policy: 'refuse',
    exitCode: 1,
    advice:
      'To replicate it as it is, leave out --create and --create-full; to have it made anew, drop it here first, or give --dest-table another name.',
  },
  PC414: {
    policy: 'refuse',
    exitCode: 1,
    advice:
      'Nothing was added. "--dry-run" prints the statements; make by hand what the message names, or use --create, which leaves more out.',
  },
  PC415: {
    policy: 'retry',
    exitCode: 3,
    advice:
      'The worker takes the trigger, rule or foreign key off by itself and does the batch again; if it stays, let its role set session_replication_role.',
  },

  // 5xx: copy, compare, waiting
  PC500: {
    policy: 'refuse',
    exitCode: 3,
    advice: 'Look at "status" and the worker\'s log for what it waits for.',
  },
  PC501: {
    policy: 'refuse',
    exitCode: 3,
    advice: 'Wait until the tables are in sync ("wait-sync"), then compare again.',
  },
  PC502: {
    policy: 'retry',
    exitCode: 3,
    advice: "The copy is tried again; look at the worker's log for the cause.",
  },
  PC503: {
    policy: 'refuse',
    exitCode: 3,
    advice: 'Compare the table again; "compare TABLE" takes its name.',
  },
  PC504: {
    policy: 'retry',
    exitCode: 3,
    advice: 'Nothing was written at that tick; run "repair" again.',
  },

  // 6xx: programs that read a queue
  PC600: {
    policy: 'retry',
    exitCode: 3,
    advice:
      'Only one process at a time reads a queue under one name: end the other one, or choose another name.',
  },
  PC601: { policy: 'refuse', exitCode: 1, advice: 'Register the consumer first: consumer.register().' },
  PC602: {
    policy: 'stop-node',
    exitCode: 3,
    advice:
      'Find out which events the target lacks or has already, then set its position with pgq_ext.set_last_tick.',
  },
  PC603: {
    policy: 'stop-node',
    exitCode: 3,
    advice: 'Find out what else reads the queue under this name; the batch may have been processed twice.',
  },
  PC604: { policy: 'refuse', exitCode: 1, advice: 'Change the calling program as the message says.' },
  PC606: {
    policy: 'stop-node',
    exitCode: 3,
    advice:
      'A leaf: run "replicate INI resync --all", which registers it anew and copies its tables, then start its worker. A branch: make it and the nodes below it anew. Another consumer: make up for the lost events, then consumer.register({ afterDrop: true }), or pgcascade.forget_dropped_consumer and pgq.register_consumer.',
  },

  // 9xx: ours
  PC900: {
    policy: 'bug',
    exitCode: 70,
    advice: 'This is a bug in pgcascade; please report it with the lines below.',
  },
} as const satisfies Record<`PC${number}`, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** True when the text is a code of the catalogue, for example the SQLSTATE of an error that our SQL raised. */
export function isErrorCode(text: string | undefined): text is ErrorCode {
  return text !== undefined && Object.hasOwn(ERRORS, text);
}
