package outbox

// LargestDelivery lets tests give room to a number of deliveries.
const LargestDelivery = largestDelivery
