/** What we do with a keyword of a libpq connect string. */
export type KeywordUse =
  /** It decides something. */
  | 'used'
  /** It changes nothing here: our own setting stands, or the driver has no such choice. */
  | 'accepted'
  /** It may ask for a protection that the driver cannot give: only the values that ask for none are accepted. */
  | { readonly accepted: readonly string[] };

export interface Keyword {
  readonly use: KeywordUse;
  /** The environment variable that stands in for it. */
  readonly variable?: string;
}

/** Every keyword of libpq up to PostgreSQL 18. */
export const KEYWORDS: ReadonlyMap<string, Keyword> = new Map<string, Keyword>([
  ['service', { use: 'used', variable: 'PGSERVICE' }],
  ['servicefile', { use: 'used', variable: 'PGSERVICEFILE' }],
  ['host', { use: 'used', variable: 'PGHOST' }],
  ['hostaddr', { use: 'used', variable: 'PGHOSTADDR' }],
  ['port', { use: 'used', variable: 'PGPORT' }],
  ['dbname', { use: 'used', variable: 'PGDATABASE' }],
  ['user', { use: 'used', variable: 'PGUSER' }],
  ['password', { use: 'used', variable: 'PGPASSWORD' }],
  ['passfile', { use: 'used', variable: 'PGPASSFILE' }],
  ['connect_timeout', { use: 'used', variable: 'PGCONNECT_TIMEOUT' }],
  ['options', { use: 'used', variable: 'PGOPTIONS' }],
  ['sslmode', { use: 'used', variable: 'PGSSLMODE' }],
  ['sslrootcert', { use: 'used', variable: 'PGSSLROOTCERT' }],
  ['sslcert', { use: 'used', variable: 'PGSSLCERT' }],
  ['sslkey', { use: 'used', variable: 'PGSSLKEY' }],
  ['sslpassword', { use: 'used' }],
  ['sslcrl', { use: 'used', variable: 'PGSSLCRL' }],
  ['ssl_min_protocol_version', { use: 'used', variable: 'PGSSLMINPROTOCOLVERSION' }],
  ['ssl_max_protocol_version', { use: 'used', variable: 'PGSSLMAXPROTOCOLVERSION' }],

  ['application_name', { use: 'accepted' }],
  ['fallback_application_name', { use: 'accepted' }],
  ['client_encoding', { use: 'accepted' }],
  ['keepalives', { use: 'accepted' }],
  ['keepalives_idle', { use: 'accepted' }],
  ['keepalives_interval', { use: 'accepted' }],
  ['keepalives_count', { use: 'accepted' }],
  ['tcp_user_timeout', { use: 'accepted' }],
  ['target_session_attrs', { use: 'accepted' }],
  ['load_balance_hosts', { use: 'accepted' }],
  ['sslcompression', { use: 'accepted' }],
  ['sslsni', { use: 'accepted' }],
  ['krbsrvname', { use: 'accepted' }],
  ['gsslib', { use: 'accepted' }],
  ['gssdelegation', { use: 'accepted' }],
  ['sslkeylogfile', { use: 'accepted' }],
  ['min_protocol_version', { use: 'accepted' }],
  ['max_protocol_version', { use: 'accepted' }],

  ['channel_binding', { use: { accepted: ['', 'disable', 'prefer'] } }],
  ['gssencmode', { use: { accepted: ['', 'disable', 'prefer'] } }],
  ['sslnegotiation', { use: { accepted: ['', 'postgres'] } }],
  ['sslcertmode', { use: { accepted: ['', 'disable', 'allow'] } }],
  ['sslcrldir', { use: { accepted: [''] } }],
  ['requirepeer', { use: { accepted: [''] } }],
  ['require_auth', { use: { accepted: [''] } }],
]);
