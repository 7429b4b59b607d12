// How a request tells its receiver which instance sent it.

export const senderHeader = 'x-chaos-sender';
