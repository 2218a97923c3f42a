/** Whether bytes are an array of numbers, told without making the numbers: a query's vector has thousands. */

const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/** True when `bytes` from `start` to before `end` are strictly a JSON array of at least one number and nothing else. */
export function isNumberArray(bytes: Buffer, start: number, end: number): boolean {
  if (bytes[start] !== OPEN_BRACKET || bytes[end - 1] !== CLOSE_BRACKET) return false;
  const last = end - 1;
  for (let at = start + 1; ; at++) {
    at = pastSpace(bytes, at);
    const behind = pastNumber(bytes, at, last);
    if (behind < 0) return false;
    at = pastSpace(bytes, behind);
    if (at === last) return true;
    if (bytes[at] !== COMMA) return false;
  }
}

function pastSpace(bytes: Buffer, from: number): number {
  let at = from;
  for (;;) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at++;
  }
}

/** The offset behind the number at `from`; -1 when there is none. */
function pastNumber(bytes: Buffer, from: number, end: number): number {
  let at = bytes[from] === MINUS ? from + 1 : from;
  const leadingZero = bytes[at] === ZERO;
  const whole = at;
  at = pastDigits(bytes, at, end);
  if (at === whole || (leadingZero && at > whole + 1)) return -1;
  if (bytes[at] === POINT) {
    const fraction = at + 1;
    at = pastDigits(bytes, fraction, end);
    if (at === fraction) return -1;
  }
  const letter = bytes[at];
  if (letter !== 0x65 && letter !== 0x45) return at;
  const sign = bytes[at + 1];
  const exponent = sign === PLUS || sign === MINUS ? at + 2 : at + 1;
  at = pastDigits(bytes, exponent, end);
  return at === exponent ? -1 : at;
}

function pastDigits(bytes: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end) {
    const byte = bytes[at] as number;
    if (byte < ZERO || byte > NINE) break;
    at++;
  }
  return at;
}
