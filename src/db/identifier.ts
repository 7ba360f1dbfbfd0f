/** An SQL identifier, always quoted: `we"ird` → `"we""ird"`. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** An SQL string literal that does not depend on standard_conforming_strings. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/** The two parts of a Londiste object name: the first dot splits, no dot means schema `public`. */
export interface QualifiedName {
  readonly schema: string;
  readonly name: string;
}

/** Splits a Londiste object name at its first dot. */
export function splitName(fqname: string): QualifiedName {
  const dot = fqname.indexOf('.');
  if (dot < 0) return { schema: 'public', name: fqname };
  return { schema: fqname.slice(0, dot), name: fqname.slice(dot + 1) };
}

/** The full Londiste name, `schema.name`, unquoted. */
export function fullName(name: string): string {
  const parts = splitName(name);
  return `${parts.schema}.${parts.name}`;
}

/** The quoted SQL name of a Londiste object name. */
export function quoteName(fqname: string): string {
  const { schema, name } = splitName(fqname);
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}
