/** The channel on which whoever makes ticks tells that there is one more; whoever waits for one listens on it. */
export const TICK_CHANNEL = 'pgcascade_tick';
