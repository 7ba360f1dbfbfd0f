const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;

/** `640 bytes`, `8.0 MB`, `120 GB`: what a budget is written as, with 1 kB = 1024 bytes. */
export function sizeText(bytes: bigint): string {
  let size = Number(bytes);
  let unit = 0;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${UNITS[unit]}`;
}

/** `0 %`, `62 %`; what is over is never rounded down to 100 %. */
export function percentText(share: number): string {
  return `${share > 1 ? Math.ceil(share * 100) : Math.floor(share * 100)} %`;
}
