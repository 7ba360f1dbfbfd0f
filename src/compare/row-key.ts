/** The key of a row: its columns as the types' output functions give them; null only where the subscriber has no key. */
export type RowKey = readonly (string | null)[];
