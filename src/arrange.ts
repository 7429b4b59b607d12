// What a test may put between the parts of the service: it wraps or replaces each part, or constant, that has a name.

/** Returns the part of this name, or what takes its place. */
export type Arrange = <Part>(name: string, part: Part) => Part;

export const asItIs: Arrange = (_name, part) => part;
