/** A type as format_type writes it, taken apart: `numeric(12,2)[]`. */
interface TypeText {
  readonly base: string;
  readonly modifiers: readonly number[];
  readonly isArray: boolean;
}

const WHOLE_NUMBERS = ['smallint', 'integer', 'bigint'];
/** Decimal digits that hold every value. */
const DIGITS: Readonly<Record<string, number>> = { smallint: 5, integer: 10, bigint: 19 };
const FLOATS = ['real', 'double precision'];

/** True when a column of the type `to` takes the text of every value of `from`, and as the same value. Pure. */
export function fits(from: string, to: string): boolean {
  if (from === to) return true;
  const [there, here] = [takeApart(from), takeApart(to)];
  if (there === undefined || here === undefined) return false;
  if (isAnyText(here) && !here.isArray) return there.isArray || there.base !== 'character';
  if (there.isArray !== here.isArray) return false;
  return there.base === here.base ? modifiersFit(there, here) : basesFit(there, here);
}

function basesFit(there: TypeText, here: TypeText): boolean {
  if (isAnyText(here)) return there.base === 'character varying' || there.base === 'text';
  const digits = DIGITS[there.base];
  if (digits !== undefined) {
    if (here.base === 'numeric') {
      const [precision = Number.POSITIVE_INFINITY, scale = 0] = here.modifiers;
      return precision - scale >= digits;
    }
    return WHOLE_NUMBERS.indexOf(here.base) > WHOLE_NUMBERS.indexOf(there.base);
  }
  if (FLOATS.includes(there.base)) return FLOATS.indexOf(here.base) > FLOATS.indexOf(there.base);
  if (there.base === 'bit' && here.base === 'bit varying') return modifiersFit(there, here);
  return there.base === 'jsonb' && here.base === 'json';
}

/** The same type with other modifiers. */
function modifiersFit(there: TypeText, here: TypeText): boolean {
  if (here.modifiers.length === 0) return there.base !== 'character' && there.base !== 'bit';
  if (there.modifiers.length === 0) return false;
  const [size = 0, scale = 0] = there.modifiers;
  const [sizeHere = 0, scaleHere = 0] = here.modifiers;
  switch (there.base) {
    case 'numeric':
      return scaleHere >= scale && sizeHere - scaleHere >= size - scale;
    case 'character':
    case 'character varying':
    case 'bit varying':
      return sizeHere >= size;
    case 'bit':
      return here.base === 'bit varying' && sizeHere >= size;
    default:
      // A precision of times: more digits hold fewer ones.
      return /^(?:time|timestamp|interval)\b/.test(there.base) && sizeHere >= size;
  }
}

function isAnyText({ base, modifiers }: TypeText): boolean {
  return (base === 'text' || base === 'character varying') && modifiers.length === 0;
}

function takeApart(type: string): TypeText | undefined {
  const isArray = type.endsWith('[]');
  const element = isArray ? type.slice(0, -2) : type;
  const [, start = '', list, end = ''] =
    /^([^()]+?)(?:\(([\d,\s-]+)\))?((?: with(?:out)? time zone)?)$/.exec(element) ?? [];
  if (start === '') return undefined;
  const modifiers = list === undefined ? [] : list.split(',').map(Number);
  return { base: `${start}${end}`, modifiers, isArray };
}
