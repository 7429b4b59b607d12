// Finds regular expressions that take long on a text made for it.

import { analyse } from 'scslre';

/** Whether some text of n characters takes n² steps or more: a caller who may write that text holds up everybody. */
export function takesLong(pattern: string): boolean {
  const end = pattern.lastIndexOf('/');
  const { reports } = analyse({ source: pattern.slice(1, end), flags: pattern.slice(end + 1) });
  return reports.length > 0;
}
