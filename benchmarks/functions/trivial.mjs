// The smallest function, for Node.js: what is measured is the client around it.

export const handler = async () => ({ ok: true });
