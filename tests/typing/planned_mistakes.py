"""Mistakes in code that uses the module that is generated for examples/shop_plan.json."""

from shop import ShopBatch, ShopSession, purchase_product

batch = ShopBatch.for_user(customer_id="123456")

batch.serched(query="teapot")  # mistake: a verb that there is not
batch.searched()  # mistake: a required attribute is missing
batch.searched("teapot")  # mistake: attributes have names
batch.searched(qurey="teapot")  # mistake: an attribute that the plan has not
batch.searched(query=5)  # mistake: a number instead of text
batch.searched(query="teapot", results="many")  # mistake: text instead of a number
batch.searched(query="teapot").signed_up(plan="gold")  # mistake: none of the choices
batch.signed_up(plan="pro", newsletter="yes")  # mistake: text instead of a boolean
batch.signed_up(plan="pro", at=5.5)  # mistake: no time
batch.with_planned_attributes(account_type="gold")  # mistake: none of the choices for the user
batch.with_planned_attributes(tier="pro")  # mistake: an attribute of the user that there is not
purchase_product("sku-1")  # mistake: a product without its price
purchase_product("sku-1", price=5, colour="red")  # mistake: none of the choices for a product
ShopSession.start(session_id=42).signed_up()  # mistake: a required one is missing in a session
ShopSession.start(session_id=42).with_planned_attributes()  # mistake: a session has no user
batch.viewed_cart(attributes=["items"])  # mistake: attributes are no list
