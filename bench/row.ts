// What a row of the table is, and what it has to say when it was measured.

import type { Ground } from './ground.ts';

export type RowOptions = {
  /** How often the two sides are measured, in turn. */
  pairs: number;
  /** Where the service writes CPU profiles, or null for none. */
  profileDirectory: string | null;
  /** Tells what goes on while it goes on. */
  say(line: string): void;
};

export type Row = {
  /** As it is called on the command line. */
  name: string;
  /** Whether it takes minutes: then it runs only when it is named, or with all large ones. */
  isLarge?: boolean;
  /** Throws a NoFigure when what was delivered is not right. */
  measure(ground: Ground, options: RowOptions): Promise<Figure>;
};

/** One line of the table. */
export type FigureLine = {
  measure: string;
  measured: string;
  beside: string;
  ratio: number | null;
  reach: string;
  reached: boolean;
};

export type Figure = {
  lines: FigureLine[];
  /** What a reader should know beside the table. */
  notes: string[];
  /** All that was measured, for the JSON. */
  details: Record<string, unknown>;
};

/** A run that lost, doubled, disordered or wrongly signed something says nothing about speed. */
export class NoFigure extends Error {}
