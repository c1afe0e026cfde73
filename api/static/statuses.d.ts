export type Tone = "moving" | "waiting" | "trouble" | "good" | "over";
export const STATUSES: Readonly<Record<string, { id: string; en: string; tone: Tone }>>;
export const WAY: readonly string[];
export const TERMINAL: readonly string[];
