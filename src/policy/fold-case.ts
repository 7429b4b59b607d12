// Folds text for a search, so that letters which differ in case alone are equal.

const isAscii = /^[\x20-\x7e]*$/;

/**
 * Full case folding of canonical decompositions, then composed (The Unicode Standard, section 3.13.5, D145): ς is σ,
 * ß is ss, É is é however it is written. The result has no capital letter of ASCII.
 */
export function foldCase(text: string): string {
  // Of ASCII alone that is what comes out below, and a list of endpoints is thousands of such texts.
  if (isAscii.test(text)) return text.toLowerCase();
  return Array.from(text.normalize('NFD'), foldCharacter).join('').normalize('NFC');
}

/**
 * From small to capital to small again brings all forms of a letter to one, since each step is a full mapping. Alone, a
 * capital sigma does not become a final one. The dotless i is a letter of its own, but its capital is that of i.
 */
function foldCharacter(character: string): string {
  return character === 'ı' ? character : character.toLowerCase().toUpperCase().toLowerCase();
}
