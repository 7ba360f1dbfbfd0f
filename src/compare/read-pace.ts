import { Pace } from '../runtime/pace.js';

/** Lets so many rows a second be read. */
export class ReadPace extends Pace {
  /** Pages of a table that are half a second's work. */
  pagesAtOnce({ rowCount, pageCount }: { readonly rowCount: number; readonly pageCount: number }): number {
    const rowsPerPage = Math.max(1, rowCount / Math.max(1, pageCount));
    return Math.max(1, Math.ceil(this.perSecond / 2 / rowsPerPage));
  }
}
