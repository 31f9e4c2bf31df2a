export { default as Goal } from './Goal.astro';
export { default as Helpful } from './Helpful.astro';
export { default as Step } from './Step.astro';
export { default as Variant } from './Variant.astro';
export { default as WarroomTag } from './WarroomTag.astro';
