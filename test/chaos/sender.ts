// How a request tells the receiver of the chaos which instance sent it.

export const senderHeader = 'x-chaos-sender';
