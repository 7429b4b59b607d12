// Reads the three forms in which HTTP writes a date.

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const month = `(?<month>${months.join('|')})`;
const time = String.raw`(?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d)`;

/** RFC 9110, section 5.6.7: the form of today, then the two obsolete ones that a recipient must still read. */
const forms = [
  new RegExp(String.raw`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\d\d) ${month} (?<year>\d{4}) ${time} GMT$`),
  new RegExp(String.raw`^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\d\d)-${month}-(?<year>\d\d) ${time} GMT$`),
  new RegExp(String.raw`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ${month} (?<day>\d\d| \d) ${time} (?<year>\d{4})$`),
];

/** Unix milliseconds, or null for an invalid HTTP date. A year of two digits is the one at most 50 years from `nowMs`. */
export function parseHttpDate(text: string, nowMs: number): number | null {
  const parts = forms.map((form) => form.exec(text)?.groups).find((groups) => groups !== undefined);
  if (!parts) return null;
  const number = (name: string) => Number(parts[name]);
  const day = number('day');
  const second = number('second');
  const year = parts['year']!.length === 2 ? fullYear(number('year'), nowMs) : number('year');
  const date = new Date(0);
  date.setUTCFullYear(year, months.indexOf(parts['month']!), day);
  // A leap second is a second 60, and belongs to the next minute here.
  if (date.getUTCDate() !== day || number('hour') > 23 || number('minute') > 59 || second > 60) return null;
  return date.setUTCHours(number('hour'), number('minute'), second);
}

function fullYear(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}
