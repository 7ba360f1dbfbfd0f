/**
 * Takes the global `Response` away. The driver of PostgreSQL looks at it when it is loaded, to tell Node.js from Cloudflare's
 * workers, and Node.js 20 then loads all of `fetch`: a twelfth of the time in which a command starts. No program of ours uses it. To
 * be imported before anything that loads the driver; never by what the package exports, for the application may use `fetch`.
 */
Object.defineProperty(globalThis, 'Response', { value: undefined, writable: true, configurable: true });

export {};
