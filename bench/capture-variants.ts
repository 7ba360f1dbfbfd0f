/** The operations whose capture is taken apart. */
export const OPERATIONS = ['insert', 'update', 'delete'] as const;
export type OperationName = (typeof OPERATIONS)[number];

/** Triggers that do a part of what capture does. */
export interface Variant {
  readonly name: string;
  /** The trigger for one operation; undefined when the table has none, or others than these. */
  readonly trigger?: TriggerParts;
}

interface TriggerParts {
  readonly level: 'statement' | 'row';
  readonly hasTransitionTables?: boolean;
  /** Runs as its owner with a search_path of its own, as generated capture does. */
  readonly isDefiner?: boolean;
  /** PL/pgSQL statements; `v_table integer; v_disabled boolean;` are declared. */
  readonly body?: (operation: OperationName, event: EventTarget) => string;
}

/** Where events of constant data go, and how large they are. */
export interface EventTarget {
  readonly queueId: number;
  readonly eventTable: string;
  readonly dataBytes: Readonly<Record<OperationName, number>>;
}

/**
 * Each line has one piece more than the one above it, up to an event of constant data: what generated capture takes
 * above that is the row's text and key (and, in an update, finding what has changed).
 */
export const VARIANTS: readonly Variant[] = [
  { name: 'no trigger' },
  { name: 'statement trigger, empty', trigger: { level: 'statement' } },
  { name: '… with transition tables', trigger: { level: 'statement', hasTransitionTables: true } },
  {
    name: '… security definer, search_path set',
    trigger: { level: 'statement', hasTransitionTables: true, isDefiner: true },
  },
  {
    name: "… reads the queue's row",
    trigger: { level: 'statement', hasTransitionTables: true, isDefiner: true, body: readQueue },
  },
  {
    name: '… reads the rows (update: full join by key)',
    trigger: {
      level: 'statement',
      hasTransitionTables: true,
      isDefiner: true,
      body: (operation, event) => `${readQueue(operation, event)} perform count(*) from ${ROWS[operation]};`,
    },
  },
  {
    name: '… update: compares old and new',
    trigger: {
      level: 'statement',
      hasTransitionTables: true,
      isDefiner: true,
      body: (operation, event) => `
        ${readQueue(operation, event)}
        perform count(*) from ${ROWS[operation]}${operation === 'update' ? COMPARED : ''};`,
    },
  },
  {
    name: '… writes events of constant data',
    trigger: {
      level: 'statement',
      hasTransitionTables: true,
      isDefiner: true,
      body: (operation, event) => `
        ${readQueue(operation, event)}
        ${insertEvent(operation, event)} from ${ROWS[operation]}${operation === 'update' ? COMPARED : ''};`,
    },
  },
  { name: 'capture as generated' },
  { name: 'row trigger, empty', trigger: { level: 'row' } },
  { name: '… security definer, search_path set (row)', trigger: { level: 'row', isDefiner: true } },
  {
    name: '… writes an event of constant data (row)',
    trigger: {
      level: 'row',
      isDefiner: true,
      body: (operation, event) => `${readQueue(operation, event)} ${insertEvent(operation, event)};`,
    },
  },
];

const ROWS: Readonly<Record<OperationName, string>> = {
  insert: 'new_rows as n',
  update: 'old_rows as o full join new_rows as n on (o.id = n.id)',
  delete: 'old_rows as o',
};
const COMPARED = ' where o.id is null or n.id is null or o operator(pg_catalog.*<>) n';

const TRANSITION_TABLES: Readonly<Record<OperationName, string>> = {
  insert: 'referencing new table as new_rows',
  update: 'referencing old table as old_rows new table as new_rows',
  delete: 'referencing old table as old_rows',
};

/** The SQL that puts a variant's triggers on a table. */
export function variantSql(table: string, parts: TriggerParts, event: EventTarget): string {
  const { level, hasTransitionTables = false, isDefiner = false, body } = parts;
  return OPERATIONS.map(
    (operation) => `
      create function ${table}_${operation}() returns trigger language plpgsql
      ${isDefiner ? 'security definer set search_path = pg_catalog, pg_temp' : ''} as $f$
      declare v_table integer; v_disabled boolean;
      begin
          ${body?.(operation, event) ?? ''}
          return null;
      end;
      $f$;
      create trigger piece_${operation} after ${operation} on ${table}
      ${hasTransitionTables ? TRANSITION_TABLES[operation] : ''}
      for each ${level} execute procedure ${table}_${operation}();`,
  ).join('\n');
}

function readQueue(_operation: OperationName, { queueId }: EventTarget): string {
  return `
    select q.queue_cur_table, q.queue_disable_insert into v_table, v_disabled
      from pgq.queue as q where q.queue_id = ${queueId};`;
}

function insertEvent(operation: OperationName, { eventTable, dataBytes }: EventTarget): string {
  const type = `{"op":"${operation.toUpperCase()}","table":["public","wide"],"pkey":["id"]}`;
  return `
    insert into ${eventTable} (ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3)
    select now(), '${type}', '${'x'.repeat(dataBytes[operation])}', 'public.wide', null, '123456'`;
}
