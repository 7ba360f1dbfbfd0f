/** How much time is in one partition. */
export const PERIODS = ['hour', 'day', 'month', 'year'] as const;
export type Period = (typeof PERIODS)[number];

/** A time of the day's calendar, cut to hours: what names of partitions are made of. */
export interface PartTime {
  readonly year: string;
  readonly month: string;
  readonly day: string;
  readonly hour: string;
}

const TEXT =
  /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?([+-]\d\d(?::?\d\d(?::\d\d)?)?|Z)?)?$/;

const ISO_LENGTH = '2000-01-01T00:00:00.000Z'.length;

/**
 * Reads PostgreSQL's text of a date or time. With `toUtc` an offset is taken into account, as a column with time zone
 * does; one without has it cut off. Undefined for what is no time of a year from 1000 to 9999: null, infinity. Pure.
 */
export function readPartTime(text: string, toUtc: boolean): PartTime | undefined {
  const found = TEXT.exec(text.trim());
  if (found === null) return undefined;
  const [, year, month, day, hour = '00', minute = '00', second = '00', offset = 'Z'] = found;
  const written = `${year}-${month}-${day}T${hour}`;
  const moment = new Date(`${written}:${minute}:${second}Z`);
  // A day that the calendar does not have becomes another one, or none.
  if (Number.isNaN(moment.getTime()) || !moment.toISOString().startsWith(written)) return undefined;
  if (toUtc) moment.setTime(moment.getTime() - offsetMs(offset));
  const iso = moment.toISOString();
  // Other years are written with a sign and six digits.
  if (iso < '1000' || iso.length > ISO_LENGTH) return undefined;
  return { year: iso.slice(0, 4), month: iso.slice(5, 7), day: iso.slice(8, 10), hour: iso.slice(11, 13) };
}

function offsetMs(offset: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = (offset.match(/\d\d/g) ?? []).map(Number);
  const ms = ((hours * 60 + minutes) * 60 + seconds) * 1000;
  return offset.startsWith('-') ? -ms : ms;
}

/** The first moment of the period that a time is in, as PostgreSQL reads it. Pure. */
export function periodStart({ year, month, day, hour }: PartTime, period: Period): string {
  switch (period) {
    case 'hour':
      return `${year}-${month}-${day} ${hour}:00:00`;
    case 'day':
      return `${year}-${month}-${day} 00:00:00`;
    case 'month':
      return `${year}-${month}-01 00:00:00`;
    case 'year':
      return `${year}-01-01 00:00:00`;
  }
}

const SUFFIXES: Readonly<Record<Period, string>> = {
  hour: '_%(year)s_%(month)s_%(day)s_%(hour)s',
  day: '_%(year)s_%(month)s_%(day)s',
  month: '_%(year)s_%(month)s',
  year: '_%(year)s',
};

/** How partitions are named where nothing else is said. */
export function defaultPartName(period: Period): string {
  return `%(parent)s${SUFFIXES[period]}`;
}
