/** What apply must know of one column of the subscriber's table. All SQL parts are qualified and quoted. */
export interface TargetColumn {
  readonly name: string;
  /** The type below all domains, without a length: what an event's text is read as. */
  readonly typeSql: string;
  /** The declared type with its length: what the stored text looks like. */
  readonly storedTypeSql: string;
  /** True for json and jsonb: `json_to_recordset` would take their text for a JSON string. */
  readonly isJson: boolean;
  /** `collate …` when the column's collation is not the database's, else empty. */
  readonly collateSql: string;
  /** The operator by which a btree index compares two values of the type. */
  readonly equalsSql: string;
  /** True when equal values of this column have equal texts, so that a key's text stands for the key. */
  readonly hasExactText: boolean;
  readonly isGenerated: boolean;
  readonly identity: 'always' | 'by-default' | 'none';
  readonly isNotNull: boolean;
  /** What the elements of an array of its values are, and the cast from there to `typeSql`; undefined where there is no such array. */
  readonly list: { readonly elementSql: string; readonly castSql: string } | undefined;
}

/**
 * One table of the subscriber as apply sees it. Loaded once and again when the table changes, not per batch:
 * statements are cached by this object.
 */
export interface TargetTable {
  /** The name that events carry in ev_extra1. */
  readonly queueTable: string;
  /** `schema.name` on the subscriber, unquoted. */
  readonly destTable: string;
  /** The quoted name. */
  readonly nameSql: string;
  readonly oid: bigint;
  /** An ordinary or a partitioned table. */
  readonly relkind: 'r' | 'p';
  readonly columns: readonly TargetColumn[];
  /** The columns of each unique index that holds at once, for all rows, over plain columns. */
  readonly uniqueKeys: readonly (readonly string[])[];
  /** COPY does what INSERT does: there is neither row security for us, nor a rule. */
  readonly canCopy: boolean;
}

/** The table's name where a statement must not reach tables that inherit from it. */
export function onlyNameSql(table: TargetTable): string {
  return table.relkind === 'r' ? `only ${table.nameSql}` : table.nameSql;
}
