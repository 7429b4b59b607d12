// Lets a test wrap or replace a part of the service; nothing else uses it.

/** Returns the part of this name, or what replaces it. */
export type Arrange = <Part>(name: string, part: Part) => Part;

export const asItIs: Arrange = (_name, part) => part;
