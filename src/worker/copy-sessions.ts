import type { Connection } from '../db/connection.js';
import type { CopyDataPorts } from './copy-job.js';
import { openProvider } from './open-provider.js';
import { openSubscriber } from './open-subscriber.js';

export interface CopySessions {
  /** One more session on the provider. */
  readonly openReader: () => Promise<Connection>;
  /** One more on the subscriber, that of a replica where it may be. */
  readonly openWriter: () => Promise<Connection>;
}

/** Runs `body` with sessions that end with it. A stop cuts them: the server rolls back, and no statement is waited for. */
export async function withCopySessions<T>(
  { options, providerLocation, signal }: Pick<CopyDataPorts, 'options' | 'providerLocation' | 'signal'>,
  body: (sessions: CopySessions) => Promise<T>,
): Promise<T> {
  const { connect, conninfo, consumerName } = options;

  const application = `copy/${consumerName}`;
  const open: Connection[] = [];
  const keep = async (opening: Promise<Connection>) => {
    const connection = await opening;
    open.push(connection);
    return connection;
  };
  const cut = () => {
    for (const connection of open) connection.destroy();
  };
  signal.addEventListener('abort', cut, { once: true });
  try {
    return await body({
      openReader: () => keep(openProvider(options, providerLocation, { application, signal })),
      openWriter: () => keep(openSubscriber(connect, conninfo, application, signal)),
    });
  } finally {
    signal.removeEventListener('abort', cut);
    await Promise.all(open.map((connection) => connection.close()));
  }
}
