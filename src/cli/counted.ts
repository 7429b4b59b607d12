// A number with what it counts, as in "1 event" and "2 events".

export function counted(number: number | string, one: string, many = `${one}s`): string {
  return `${number} ${String(number) === '1' ? one : many}`;
}
