// What `tidings doctor` found about one part of what a start needs.

export type Finding = {
  part: string;
  is: 'right' | 'doubtful' | 'wrong';
  /** One sentence; of what is wrong it says what to do. */
  message: string;
};

export const right = (part: string, message: string): Finding => ({ part, is: 'right', message });
export const doubtful = (part: string, message: string): Finding => ({ part, is: 'doubtful', message });
export const wrong = (part: string, message: string): Finding => ({ part, is: 'wrong', message });
