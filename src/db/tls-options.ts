import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConnectionOptions, checkServerIdentity, type SecureVersion } from 'node:tls';
import { ReplicateError } from '../errors/replicate-error.js';

const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];
const TLS_VERSIONS: readonly string[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

/**
 * What libpq's ssl keywords mean for Node's TLS. `false` where no TLS is used.
 *
 * Up to `prefer` no TLS is used, because the driver cannot fall back from one to the other on one connection.
 * `require` encrypts without checking whom it talks to, unless a root certificate is given, as in libpq.
 * Throws PC103 for a mode or a file that does not fit.
 */
export function tlsOptions(
  keyword: (name: string) => string | undefined,
  host: string,
  home: string | undefined,
): false | ConnectionOptions {
  const mode = keyword('sslmode') || 'prefer';
  if (!MODES.includes(mode)) {
    throw new ReplicateError('PC103', `sslmode=${mode} is not one of ${MODES.join(', ')}.`, {
      keyword: 'sslmode',
    });
  }
  if (host.startsWith('/') || mode === 'disable' || mode === 'allow' || mode === 'prefer') return false;

  const inHome = (name: string): string | undefined => {
    const path = home === undefined ? undefined : join(home, '.postgresql', name);
    return path !== undefined && existsSync(path) ? path : undefined;
  };
  const rootCertificate = keyword('sslrootcert') || (mode === 'require' ? undefined : inHome('root.crt'));
  if (rootCertificate === undefined && mode !== 'require') {
    throw new ReplicateError('PC103', `sslmode=${mode} needs sslrootcert=FILE, or sslrootcert=system.`, {
      keyword: 'sslrootcert',
    });
  }
  const verifyHost = mode === 'verify-full' || rootCertificate === 'system';
  const certificate = keyword('sslcert') || inHome('postgresql.crt');
  const key = keyword('sslkey') || inHome('postgresql.key');
  const revocations = keyword('sslcrl') || undefined;
  const passphrase = keyword('sslpassword') || undefined;
  const minVersion = tlsVersion('ssl_min_protocol_version', keyword);
  const maxVersion = tlsVersion('ssl_max_protocol_version', keyword);
  return {
    rejectUnauthorized: rootCertificate !== undefined,
    ...(rootCertificate === undefined || rootCertificate === 'system'
      ? {}
      : { ca: readKeywordFile('sslrootcert', rootCertificate) }),
    ...(certificate === undefined ? {} : { cert: readKeywordFile('sslcert', certificate) }),
    ...(key === undefined ? {} : { key: readKeywordFile('sslkey', key) }),
    ...(revocations === undefined ? {} : { crl: readKeywordFile('sslcrl', revocations) }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(maxVersion === undefined ? {} : { maxVersion }),
    // The driver gives no name for an address, so the name to check against is fixed here.
    checkServerIdentity: (_name, peer) => (verifyHost ? checkServerIdentity(host, peer) : undefined),
  };
}

function readKeywordFile(name: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ReplicateError(
      'PC103',
      `The file ${path} of ${name} cannot be read.`,
      { keyword: name },
      { cause },
    );
  }
}

function tlsVersion(name: string, keyword: (name: string) => string | undefined): SecureVersion | undefined {
  const version = keyword(name) || undefined;
  if (version !== undefined && !TLS_VERSIONS.includes(version)) {
    throw new ReplicateError('PC103', `${name}=${version} is not one of ${TLS_VERSIONS.join(', ')}.`, {
      keyword: name,
    });
  }
  return version as SecureVersion | undefined;
}
