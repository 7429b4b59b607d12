// How a test puts something of its own before a part of the service, or in its place; nothing else does.

/** Gives the part of this name back, or another in its place. */
export type Arrange = <Part>(name: string, part: Part) => Part;

export const asItIs: Arrange = (_name, part) => part;
